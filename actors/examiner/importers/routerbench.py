"""RouterBench: a wide table, a row a prompt and for every model three columns.

``sample_id``, ``prompt``, ``eval_name``, and ``MODEL`` (score), ``MODEL|model_response``,
``MODEL|total_cost`` (US dollars). It is published as a pickle, which runs code when it is loaded:
convert it to Parquet or CSV first (the error says how).
"""

from collections.abc import Iterator, Sequence
from functools import partial

import pyarrow as pa

from actors.examiner.importers.documents import Document, named
from actors.examiner.importers.parts import Part, counted
from actors.examiner.importers.registry import ImportSettings, importer
from actors.examiner.importers.table import column_tables
from cluster.errors import TableError

_QUESTION = {"question_id": "sample_id", "prompt": "prompt", "category": "eval_name"}
_COST, _RESPONSE = "|total_cost", "|model_response"
_ROWS = 1024  # wide ones, with the outputs of all models


@importer("routerbench", "RouterBench's wide table as Parquet or CSV: a column a model")
def read(found: Sequence[Document], settings: ImportSettings) -> Iterator[Part]:
    """For each batch of rows its questions, then the outcomes of each model."""
    for document in named(found, "*.parquet", "*.csv"):
        choose = partial(_columns, document)
        for first, table in column_tables(document, choose, settings.longest, _ROWS):
            yield from _parts(document, table, first)


def _columns(document: Document, names: Sequence[str]) -> dict[str, str]:
    missing = [name for name in _QUESTION.values() if name not in names]
    models = _models(names)
    if missing or not models:
        raise TableError(
            f"{document.name}: no column '{missing[0] if missing else 'MODEL' + _COST}'; "
            f"found: {', '.join(names)}"
        )
    wanted = [f"{model}{ending}" for model in models for ending in ("", _COST, _RESPONSE)]
    return {name: name for name in [*_QUESTION.values(), *wanted] if name in names}


def _models(names: Sequence[str]) -> list[str]:
    costed = [name.removesuffix(_COST) for name in names if name.endswith(_COST)]
    return [name for name in costed if name in names]


def _parts(document: Document, table: pa.Table, first: int) -> Iterator[Part]:
    asked = {ours: table[theirs] for ours, theirs in _QUESTION.items()}
    asked["dataset"] = pa.array(["routerbench"] * table.num_rows)
    yield counted(document, pa.table(asked), first, outcomes=False)
    for model in _models(table.column_names):
        columns = {
            "model_id": pa.array([model] * table.num_rows),
            "question_id": asked["question_id"],
            "score": table[model],
            "cost": table[model + _COST],
        }
        if model + _RESPONSE in table.column_names:
            columns["output"] = table[model + _RESPONSE]
        yield counted(document, pa.table(columns), first)
