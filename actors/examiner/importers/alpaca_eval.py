"""AlpacaEval: ``annotations.json``, a JSON list of comparisons of a model with a reference.

``preference`` runs from 1 (the reference's ``output_1`` is better) to 2 (the model's ``output_2``
is); 1.5, or 0 in early files, is a draw. The score is preference - 1: how probable it is that the
model's output is preferred. The model is ``generator_2``. Instructions have no ids: one is known by
its text. Where one model was judged by several annotators, ``filter`` names the one that counts.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from actors.examiner.importers.documents import Document, named
from actors.examiner.importers.parts import Part, number, parts, text_id
from actors.examiner.importers.registry import ImportSettings, importer
from actors.examiner.importers.streams import json_items


@importer(
    "alpaca-eval",
    "AlpacaEval's annotations.json; filter=ANNOTATOR where several annotators judged a model",
    ("filter", "model"),
)
def read(found: Sequence[Document], settings: ImportSettings) -> Iterator[Part]:
    """The comparisons of every file."""
    for document in named(found, "*annotations*.json"):
        items = json_items(document, settings.longest)
        yield from parts(document, ((line, _row(item, settings)) for line, item in items))


def _row(item: Mapping[str, Any], settings: ImportSettings) -> dict[str, Any]:
    preference = number(item.get("preference"))
    if preference == 0:
        preference = 1.5
    annotator = item.get("annotator")
    other = settings.filter is not None and annotator != settings.filter
    return {
        "model_id": settings.model or item.get("generator_2"),
        "question_id": text_id("alpaca_eval", item.get("instruction")),
        "dataset": "alpaca_eval",
        "category": item.get("dataset"),
        "prompt": item.get("instruction"),
        "score": None if preference is None else preference - 1,
        "output": item.get("output_2"),
        "left_out": f"annotator is not {settings.filter}" if other else None,
    }
