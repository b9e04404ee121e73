"""LLMRouterBench: a JSON file for each data set, split and model, under ``DATASET/SPLIT/MODEL/``.

A file is an object whose ``records`` are a list: ``index``, ``origin_query``, ``prediction``,
``ground_truth``, ``score``, ``prompt_tokens``, ``completion_tokens``, ``cost`` (US dollars),
``raw_output``. Of several files of one run (their names are times) the newest comes first; what
older ones repeat is left out.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from actors.examiner.importers.documents import Document, named
from actors.examiner.importers.parts import Part, parts
from actors.examiner.importers.registry import ImportSettings, importer
from actors.examiner.importers.streams import json_items
from cluster.errors import TableError


@importer("llmrouterbench", "LLMRouterBench's result files, DATASET/SPLIT/MODEL/TIME.json")
def read(found: Sequence[Document], settings: ImportSettings) -> Iterator[Part]:
    """The records of every file."""
    for document in sorted(named(found, "*.json"), key=lambda each: each.name, reverse=True):
        run = document.folder.parts[-3:]
        if len(run) < 3:
            raise TableError(
                f"{document.name}: must lie in DATASET/SPLIT/MODEL/, which says what it is of"
            )
        items = json_items(document, settings.longest, "records")
        yield from parts(document, ((line, _row(item, *run)) for line, item in items))


def _row(item: Mapping[str, Any], dataset: str, split: str, model: str) -> dict[str, Any]:
    output, answer = item.get("raw_output"), item.get("ground_truth")
    return {
        "model_id": model,
        "question_id": f"{dataset}/{split}/{item['index']}" if "index" in item else None,
        "dataset": dataset,
        "prompt": item.get("origin_query"),
        "answer": answer if isinstance(answer, str | int | float) else None,
        "split": split,
        "score": item.get("score"),
        "output": output if isinstance(output, str) else item.get("prediction"),
        "prompt_tokens": item.get("prompt_tokens"),
        "completion_tokens": item.get("completion_tokens"),
        "cost": item.get("cost"),
        "answered": item.get("prediction") not in (None, "") if "prediction" in item else None,
    }
