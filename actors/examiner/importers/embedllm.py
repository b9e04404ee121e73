"""EmbedLLM: ``train.csv``, ``val.csv``, ``test.csv`` with a row an outcome.

Columns: ``prompt_id``, ``prompt``, ``model_name``, ``label`` (0 or 1), ``category`` (the benchmark
a question is from). Ids are told apart by file, whose name says the split.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from actors.examiner.importers.documents import Document, named
from actors.examiner.importers.parts import Part
from actors.examiner.importers.registry import ImportSettings, importer
from actors.examiner.importers.table import table_parts

_COLUMNS = {
    "model_id": "model_name",
    "question_id": "prompt_id",
    "prompt": "prompt",
    "category": "category",
    "score": "label",
}


@importer("embedllm", "EmbedLLM's CSV files: prompt_id, prompt, model_name, category, label")
def read(found: Sequence[Document], settings: ImportSettings) -> Iterator[Part]:
    """The rows of every file."""
    theirs = settings.model_copy(update={"columns": _COLUMNS})
    for document in named(found, "*.csv", "*.parquet"):
        for part in table_parts(document, theirs, _COLUMNS, list(_COLUMNS)):
            yield replace(part, rows=_of_split(part.rows, document.stem))


def _of_split(rows: pa.Table, split: str) -> pa.Table:
    ids = pc.binary_join_element_wise(
        "embedllm", split, rows["question_id"].cast(pa.string()), "/", null_handling="emit_null"
    )
    rows = rows.set_column(rows.column_names.index("question_id"), "question_id", ids)
    for name, value in {"dataset": "embedllm", "split": split}.items():
        rows = rows.append_column(name, pa.array([value] * rows.num_rows, pa.string()))
    return rows
