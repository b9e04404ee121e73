"""Where an import goes: a folder with questions.parquet, outcomes.parquet and import.json.

That is what ``actors.examiner.outcomes`` reads and an assessment names as a source. The folder is
written beside its place and moved there once it is whole: nothing is ever half-imported.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa
import pyarrow.parquet as pq

from actors.examiner.importers.documents import documents
from actors.examiner.importers.intake import Intake
from actors.examiner.importers.parts import IMPORTED_OUTCOMES, IMPORTED_QUESTIONS
from actors.examiner.importers.registry import Importer, ImportSettings
from actors.examiner.importers.tally import Tally
from cluster import progress
from cluster.errors import TableError, UserError
from cluster.store import local_path, whole_folder

RECORD = "import.json"
_ROW_GROUP = 1 << 17
_HELD_BYTES = 64 << 20
_MB = 1e6


def import_outcomes(
    importer: Importer,
    sources: Sequence[str],
    folder: str | Path,
    settings: ImportSettings,
    replace: bool = False,
) -> Tally:
    """Imports sources into a folder and says what was taken.

    Raises:
        UserError: the folder is a URL; or it is there, and is not to be replaced or is no import.
        TableError: a file is missing, damaged or of another format, or no row could be taken.
    """
    place = local_path(str(folder))
    _check_place(place, replace)
    intake = Intake(settings)
    found = documents(sources)
    intake.tally.documents = len(found)
    with whole_folder(place) as aside:
        with (
            _Written(aside / "questions.parquet", IMPORTED_QUESTIONS) as questions,
            _Written(aside / "outcomes.parquet", IMPORTED_OUTCOMES) as outcomes,
            progress.line(
                f"import {importer.name}, MB", sum(document.size for document in found) / _MB
            ) as line,
        ):
            for part in importer.read(found, settings):
                taken = intake.take(part)
                questions.add(taken.questions)
                outcomes.add(taken.outcomes)
                line.advance(part.document.newly_read() / _MB)
        _check_not_empty(importer.name, intake.tally)
        record = {"format": importer.name, "sources": list(sources), **asdict(intake.tally)}
        (aside / RECORD).write_text(json.dumps(record, indent=1), encoding="utf-8")
    return intake.tally


def _check_place(place: Path, replace: bool) -> None:
    if not place.exists():
        return
    if not (place / RECORD).is_file():
        raise UserError(f"'{place}': is there, but no import; name another folder")
    if not replace:
        raise UserError(f"'{place}': is there already; --replace puts the new one in its place")


def _check_not_empty(name: str, tally: Tally) -> None:
    if tally.outcomes:
        return
    reasons = [f"{left.rows} x {why} ({left.first})" for why, left in tally.left_out.items()]
    raise TableError(f"import {name}: no outcome could be taken; {'; '.join(reasons) or 'no rows'}")


class _Written:
    """A Parquet file that rows are added to; small additions share a row group."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._writer = pq.ParquetWriter(path, schema)
        self._held: list[pa.Table] = []

    def add(self, table: pa.Table) -> None:
        self._held.append(table)
        rows = sum(held.num_rows for held in self._held)
        if rows >= _ROW_GROUP or sum(held.nbytes for held in self._held) >= _HELD_BYTES:
            self._flush()

    def _flush(self) -> None:
        if self._held:
            self._writer.write_table(pa.concat_tables(self._held), row_group_size=_ROW_GROUP)
        self._held = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        if kind is None:
            self._flush()
        self._writer.close()
