"""Folders of outcomes as this project reads them: published tables, earlier imports.

Several become one: outcomes of more models, or in more questions. A folder holds questions.parquet
and outcomes.parquet with our columns.
"""

from collections.abc import Iterator, Sequence

from actors.examiner.importers.documents import Document, named
from actors.examiner.importers.parts import IMPORTED_OUTCOMES, Part
from actors.examiner.importers.registry import ImportSettings, importer
from actors.examiner.importers.table import question_parts, table_parts

_NEEDED = ("model_id", "question_id", "score")


@importer(
    "folder",
    "folders with questions.parquet and outcomes.parquet (earlier imports); several become one",
)
def read(found: Sequence[Document], settings: ImportSettings) -> Iterator[Part]:
    """All questions, then all outcomes."""
    for document in named(found, "questions.parquet"):
        yield from question_parts(document, settings)
    for document in named(found, "outcomes.parquet"):
        yield from table_parts(document, settings, _NEEDED, IMPORTED_OUTCOMES.names)
