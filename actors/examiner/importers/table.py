"""The general format: CSV, JSONL and Parquet tables with a row for each outcome.

``columns`` says which of their columns is which of ours; a column that is not named is looked for
under our name, and ``score`` under ``correct`` too. Questions stand in the same rows, or in a
file of their own (``questions``). Options are a list, or text that is a JSON list.
"""

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import IO, Any

import pyarrow as pa
import pyarrow.csv as pcsv
import pyarrow.parquet as pq

from actors.examiner.importers.documents import Document, documents
from actors.examiner.importers.parts import (
    BATCH,
    IMPORTED_OUTCOMES,
    IMPORTED_QUESTIONS,
    ROW,
    Part,
    counted,
    parts,
)
from actors.examiner.importers.registry import ImportSettings, importer
from actors.examiner.importers.streams import json_lines, lines
from cluster.errors import TableError

_ENDINGS = (".parquet", ".csv", ".tsv", ".jsonl", ".ndjson")
_ALIASES = {"score": "correct"}
_BATCH_BYTES = 64 << 20
Choose = Callable[[Sequence[str]], Mapping[str, str]]
_KEYS = {"model_id", "question_id", "score"}


@importer(
    "table",
    "CSV, JSONL or Parquet, a row an outcome; columns.OURS=THEIRS says which column is which",
    ("columns", "questions", "model"),
)
def read(found: Sequence[Document], settings: ImportSettings) -> Iterator[Part]:
    """Questions of a file of their own first, then the rows of every table."""
    needed, wanted = _KEYS - ({"model_id"} if settings.model else set()), list(ROW)
    if settings.questions:
        for document in documents([settings.questions]):
            yield from question_parts(document, settings)
        wanted = IMPORTED_OUTCOMES.names
    else:
        needed |= {"prompt"}
    for document in found:
        yield from table_parts(document, settings, needed, wanted)


def question_parts(document: Document, settings: ImportSettings) -> Iterator[Part]:
    """The rows of a table that holds questions only. Raises TableError as ``table_parts``."""
    needed = {"question_id", "prompt"}
    return table_parts(document, settings, needed, IMPORTED_QUESTIONS.names, outcomes=False)


def table_parts(
    document: Document,
    settings: ImportSettings,
    needed: Iterable[str],
    wanted: Sequence[str],
    outcomes: bool = True,
) -> Iterator[Part]:
    """The rows of one table.

    Args:
        document: Parquet, CSV, TSV or JSONL, as its ending says.
        settings: for ``columns`` and ``longest``.
        needed: columns of ours without which the table is refused.
        wanted: columns of ours that are read.
        outcomes: whether rows are outcomes, or questions only.

    Raises:
        TableError: the ending is another one, a needed column is missing, or the file is damaged.
    """
    named = {name: settings.columns[name] for name in wanted if name in settings.columns}
    choose = partial(_columns, document, named, needed, wanted)
    if document.suffix in (".jsonl", ".ndjson"):
        yield from parts(document, _jsonl(document, choose, settings.longest), "line", outcomes)
    else:
        for first, table in column_tables(document, choose, settings.longest):
            yield counted(document, table, first, outcomes)


def column_tables(
    document: Document, choose: Choose, longest: int, size: int = BATCH
) -> Iterator[tuple[int, pa.Table]]:
    """Columns of a Parquet or CSV file, a batch of rows at a time, with the first row's number.

    Args:
        document: CSV columns are all text.
        choose: given the names of all columns, says which to read: {name to be: name there}.
        longest: bytes that a row of CSV may take.
        size: rows of a batch.

    Raises:
        TableError: the file ends in something else, or is damaged; or as ``choose`` does.
    """
    if document.suffix == ".parquet":
        first, tables = 1, _parquet(document, choose, size)
    elif document.suffix in (".csv", ".tsv"):
        first, tables = 2, _csv(document, choose, longest, size)  # row 1 holds the names
    else:
        raise TableError(f"{document.name}: must end in one of {', '.join(_ENDINGS)}, or those .gz")
    for table in tables:
        yield first, table
        first += table.num_rows


def _parquet(document: Document, choose: Choose, size: int) -> Iterator[pa.Table]:
    with document.opened() as stream:
        file = pq.ParquetFile(stream)
        columns = choose(file.schema_arrow.names)
        rows = min(size, _rows_at_once(file))
        for batch in file.iter_batches(rows, columns=list(columns.values())):
            table = pa.Table.from_batches([batch])
            yield pa.table({name: table[theirs] for name, theirs in columns.items()})


def _rows_at_once(file: pq.ParquetFile) -> int:
    """Fewer rows where they are wide: outputs may be long."""
    groups = [file.metadata.row_group(number) for number in range(file.num_row_groups)]
    widest = max((group.total_byte_size / max(1, group.num_rows) for group in groups), default=1)
    return max(1, int(_BATCH_BYTES / max(1, widest)))


def _csv(document: Document, choose: Choose, longest: int, size: int) -> Iterator[pa.Table]:
    comma = "\t" if document.suffix == ".tsv" else ","
    header = next(
        csv.reader([text for _, text in islice(lines(document, longest), 1)], delimiter=comma), []
    )
    columns = choose(header)
    first = 2
    with document.opened() as stream:
        try:
            # One of theirs may be two of ours.
            theirs_once = list(dict.fromkeys(columns.values()))
            for batch in _csv_reader(stream, theirs_once, comma, longest):
                whole = pa.table({name: batch[theirs] for name, theirs in columns.items()})
                for start in range(0, whole.num_rows, size):
                    yield whole.slice(start, size)
                first += whole.num_rows
        except pa.ArrowInvalid as error:
            if "straddling" not in str(error):
                raise
            raise TableError(
                f"{document.name}: row {first} or one soon after goes on for more than {longest} "
                "bytes (key 'longest')"
            ) from error


def _csv_reader(
    stream: IO[bytes], columns: Sequence[str], comma: str, longest: int
) -> Iterator[pa.RecordBatch]:
    """Batches of text columns; a row must fit into a block."""
    yield from pcsv.open_csv(
        stream,
        # Errors name the row only where one thread reads.
        pcsv.ReadOptions(use_threads=False, block_size=min(longest, (1 << 31) - 1)),
        pcsv.ParseOptions(delimiter=comma, newlines_in_values=True),
        pcsv.ConvertOptions(
            column_types=dict.fromkeys(columns, pa.string()),
            include_columns=columns,
            strings_can_be_null=True,
            null_values=[""],
        ),
    )


def _jsonl(
    document: Document, choose: Choose, longest: int
) -> Iterator[tuple[int, dict[str, Any]]]:
    seen: dict[str, None] = {}
    for number, row in json_lines(document, longest):
        if not row.keys() <= seen.keys():  # rows may leave out what is null
            seen |= dict.fromkeys(row)
            columns = choose(list(seen))
        yield number, {name: row.get(theirs) for name, theirs in columns.items()}


def _columns(
    document: Document,
    named: Mapping[str, str],
    needed: Iterable[str],
    wanted: Sequence[str],
    found: Sequence[str],
) -> dict[str, str]:
    """Which of their columns is which of ours."""
    columns = {}
    for name in wanted:
        if name in named and named[name] not in found:
            raise TableError(
                f"{document.name}: no column '{named[name]}' (columns.{name}); "
                f"found: {', '.join(found)}"
            )
        theirs = named.get(name) or (name if name in found else _ALIASES.get(name, name))
        if theirs in found:
            columns[name] = theirs
    if missing := sorted(set(needed) - columns.keys()):
        raise TableError(
            f"{document.name}: no column '{missing[0]}'; found: {', '.join(found) or 'none'}; "
            f"say which one it is: columns.{missing[0]}=NAME"
        )
    return columns
