"""RouterDC: JSON lists of ``{"question": ..., "scores": {MODEL: score}}``, a file a data set.

The file's name says the data set and, after ``_`` or ``-``, the part (``gsm8k-train.json``). Files
have no ids: a question is known by its text, so that one that stands in several files is one.
Other keys, such as the clusters RouterDC adds, are passed over.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from actors.examiner.importers.documents import Document, named
from actors.examiner.importers.parts import Part, parts, text_id
from actors.examiner.importers.registry import ImportSettings, importer
from actors.examiner.importers.streams import json_items

_FILE = re.compile(r"(?P<dataset>.+?)(?:[_-](?P<split>train|test|validation))?$")


@importer("routerdc", "RouterDC's JSON lists, a file a data set, scores of all models in each row")
def read(found: Sequence[Document], settings: ImportSettings) -> Iterator[Part]:
    """The scores of every model in every question."""
    for document in named(found, "*.json"):
        yield from parts(document, _rows(document, settings))


def _rows(document: Document, settings: ImportSettings) -> Iterator[tuple[int, Mapping[str, Any]]]:
    file = _FILE.match(document.stem)
    assert file, document.stem  # the pattern takes any name
    for line, item in json_items(document, settings.longest):
        prompt, scores = item.get("question"), item.get("scores")
        question = {
            "question_id": text_id("routerdc", prompt),
            "dataset": file["dataset"],
            "prompt": prompt,
            "split": file["split"],
        }
        if not isinstance(scores, dict) or not scores:
            yield line, {**question, "left_out": "no scores"}
            continue
        for model, score in scores.items():
            yield line, {**question, "model_id": model, "score": score}
