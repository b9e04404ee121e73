"""MMLU-Pro: the answer files of each model that its repository publishes as ``eval_results``.

A file is a JSON list, in a zip or not: ``question_id``, ``question``, ``options``, ``answer``
(letter), ``category``, ``src``, ``pred`` (letter, or null where none was found in the output) and
the output. The model is named by the file (``model_outputs_NAME_5shots.json``), or by the folder
of files that are one a category (``NAME/biology_result.json``).

An answer that was not found is wrong here; the publishers' own script draws one at random. Where
``pred`` is missing altogether, it is read from the output as an exam of ours would.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from actors.examiner.importers.documents import Document, named
from actors.examiner.importers.parts import Part, parts
from actors.examiner.importers.registry import ImportSettings, importer
from actors.examiner.importers.streams import json_items
from actors.examiner.marking import chosen_letter
from cluster.errors import TableError

_FILE = re.compile(r"model_outputs_(?P<model>.+?)(?:_\d+-?shots?)?$")
_OUTPUTS = ("model_outputs", "cot_output", "generated_text", "output")


@importer("mmlu-pro", "MMLU-Pro's answer files, one JSON list or zip a model", ("model",))
def read(found: Sequence[Document], settings: ImportSettings) -> Iterator[Part]:
    """The answers of every file; summaries beside them are passed over."""
    for document in named(found, "*.json"):
        if not document.is_named("*summary.json"):
            model = settings.model or _model(document)
            items = json_items(document, settings.longest)
            yield from parts(document, ((line, _row(item, model)) for line, item in items))


def _model(document: Document) -> str:
    if file := _FILE.match(document.stem):
        return file["model"]
    if document.is_named("*_result.json") and document.folder.name:
        return document.folder.name
    raise TableError(
        f"{document.name}: the name says no model (model_outputs_NAME_5shots.json, or "
        "NAME/CATEGORY_result.json); say model=NAME"
    )


def _row(item: Mapping[str, Any], model: str) -> dict[str, Any]:
    answer = item.get("answer")
    output = next((item[name] for name in _OUTPUTS if isinstance(item.get(name), str)), None)
    options = item.get("options")
    letter = item.get("pred")
    if "pred" not in item and output is not None and isinstance(options, list) and options:
        letter = chosen_letter(output, options)
    unmarked = answer is None or ("pred" not in item and output is None)
    return {
        "model_id": model,
        "question_id": f"mmlu_pro/{item['question_id']}" if "question_id" in item else None,
        "dataset": "mmlu_pro",
        "category": item.get("category"),
        "prompt": item.get("question"),
        "options": options,
        "answer": answer,
        "score": None if unmarked else letter == answer,
        "output": output,
        "answered": letter is not None,
    }
