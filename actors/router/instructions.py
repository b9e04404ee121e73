"""A data set of instructions, read part by part, so that memory does not grow with its rows.

A source is a Parquet or JSONL file, or a folder of such files, which are read in the order of their
names. Parts have the same number of rows and are numbered; rows without an id get their number in
the data set. Who scores and answers the parts is not known here.
"""

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

import numpy as np
import pyarrow as pa
import pyarrow.fs as pafs
import pyarrow.json as pj
import pyarrow.parquet as pq

from cluster.errors import TableError
from cluster.tables import INSTRUCTIONS, check_instructions, check_unique, located, reading

_ID = "instruction_id"
_JSON_BYTES = 8 << 20  # read at a time; also the longest line
_PARQUET_BYTES = 1 << 20  # read at a time of each column
_DIGEST_BYTES = 16


def files(source: str) -> list[tuple[str, int, str]]:
    """Name, bytes and time of change of every file of a source.

    Raises:
        TableError: nothing is there, or files of another kind.
    """
    with reading(source):
        filesystem, path = located(source)
        found = filesystem.get_file_info(path)
        if found.type == pafs.FileType.Directory:
            inside = filesystem.get_file_info(pafs.FileSelector(path))
            found = [info for info in inside if _is_known(info)]
        elif found.type == pafs.FileType.NotFound:
            raise FileNotFoundError(source)
        elif not _is_known(found):
            raise TableError(f"{source}: must end in one of {', '.join(_READERS)}, or be a folder")
        else:
            found = [found]
    if not found:
        raise TableError(f"{source}: the folder has no file that ends in {' or '.join(_READERS)}")
    return sorted((info.path, info.size, str(info.mtime)) for info in found)


def _is_known(info: pafs.FileInfo) -> bool:
    return info.is_file and f".{info.extension}" in _READERS


def parts(source: str, rows: int) -> Iterator[pa.Table]:
    """The data set as INSTRUCTIONS of ``rows`` rows each; the last part may have fewer.

    Raises:
        TableError: a file cannot be read, or a row breaks a rule of INSTRUCTIONS. That an id stands
            once only is for ``checked`` to say.
    """
    return _cut(_instructions(source, rows), rows)


def checked(source: str, rows: int) -> int:
    """How many rows a source has, after all of them were looked at.

    Raises:
        TableError: as ``parts``; or there are no rows; or an id stands in two of them.
    """
    count, digests = 0, []
    for part in parts(source, rows):
        count += part.num_rows
        digests.append(_digests(part))
    if not count:
        raise TableError(f"{source}: holds no instruction; at least one is needed")
    digests_N = np.sort(np.concatenate(digests))
    if twice := set(digests_N[1:][digests_N[1:] == digests_N[:-1]].tolist()):
        # Digests only tell that there are some: the ids are read once more, to name them.
        again = [part.filter(np.isin(_digests(part), list(twice))) for part in parts(source, rows)]
        check_unique(pa.concat_tables(again), [_ID], source)
    return count


def _digests(part: pa.Table) -> "np.ndarray[tuple[int], np.dtype[np.bytes_]]":
    """A short digest of every id: ids may be long, and those of all rows are held at once."""
    ids = part[_ID].to_pylist()
    joined = b"".join(
        hashlib.blake2b(id.encode(), digest_size=_DIGEST_BYTES).digest() for id in ids
    )
    return np.frombuffer(joined, f"S{_DIGEST_BYTES}")


def _instructions(source: str, rows: int) -> Iterator[pa.Table]:
    number = 0
    with reading(source):
        filesystem, _ = located(source)
    for path, *_ in files(source):
        first = number
        with reading(path), filesystem.open_input_file(path) as stream:
            for table in _READERS[PurePosixPath(path).suffix](stream, rows):
                yield check_instructions(_numbered(table, number), path, number - first)
                number += table.num_rows


def _numbered(table: pa.Table, first: int) -> pa.Table:
    if _ID in table.column_names:
        return table
    numbers = pa.array(range(first, first + table.num_rows))
    return table.append_column(_ID, numbers.cast(pa.string()))


def _parquet(stream: pa.NativeFile, rows: int) -> Iterator[pa.Table]:
    file = pq.ParquetFile(stream, buffer_size=_PARQUET_BYTES)
    columns = [name for name in INSTRUCTIONS.names if name in file.schema_arrow.names]
    # Without columns batches have no rows: let the check say what is missing.
    for batch in file.iter_batches(rows, columns=columns or None):
        yield pa.table(batch)


def _jsonl(stream: pa.NativeFile, rows: int) -> Iterator[pa.Table]:
    """The first block alone tells whether rows have ids, and of which type."""
    read = pj.ReadOptions(block_size=_JSON_BYTES)
    ids = pa.field(_ID, pa.string())
    seen = pj.open_json(stream, read).schema
    has_ids = _ID in seen.names
    # pyarrow takes texts such as 2024-01-01 for times, and would write them its own way.
    typed = has_ids and not pa.types.is_temporal(seen.field(_ID).type)
    fields = [seen.field(_ID) if typed else ids, *(f for f in INSTRUCTIONS if f.name != _ID)]
    stream.seek(0)
    parse = pj.ParseOptions(
        explicit_schema=pa.schema(_optional(field) for field in fields),
        unexpected_field_behavior="ignore",
    )
    for batch in pj.open_json(stream, read, parse):
        table = pa.table(batch)
        if not has_ids and table[_ID].null_count < table.num_rows:
            raise pa.ArrowInvalid(f"the first rows have no '{_ID}', but later ones do")
        yield table if has_ids else table.drop_columns([_ID])


def _optional(field: pa.Field) -> pa.Field:
    return field.with_nullable(True)


_READERS = {".parquet": _parquet, ".jsonl": _jsonl}


def _cut(tables: Iterable[pa.Table], rows: int) -> Iterator[pa.Table]:
    """The same rows in tables of ``rows`` rows."""
    held = INSTRUCTIONS.empty_table()
    for table in tables:
        held = pa.concat_tables([held, table])
        while held.num_rows >= rows:
            yield held.slice(0, rows)
            held = held.slice(rows)
    if held.num_rows:
        yield held
