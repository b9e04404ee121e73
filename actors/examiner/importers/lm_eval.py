"""lm-evaluation-harness: the files that ``--log_samples`` writes.

``samples_TASK_TIME.jsonl`` holds a line for every document of a task and every filter of answers:
``doc_id``, ``doc``, ``doc_hash``, ``target``, ``arguments`` (the requests), ``resps``,
``filtered_resps``, ``filter``, ``metrics`` (their names) and each metric's value under its name.
``results_TIME.json`` beside it names the model.

The score is ``metric``, or the first of METRICS that a task has. Of several filters one counts:
``filter``, or each task's first. The prompt is what was asked, few-shot examples and chat template
included, or the key of ``doc`` that ``columns.prompt`` names: where models were asked through
different templates, the first one's prompt stays.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from actors.examiner.importers.documents import Document, named
from actors.examiner.importers.parts import Part, parts
from actors.examiner.importers.registry import ImportSettings, importer
from actors.examiner.importers.streams import json_lines, json_value
from cluster.errors import TableError
from cluster.tables import letters

METRICS = ("acc", "exact_match", "acc_norm", "pass@1", "prompt_level_strict_acc", "em", "f1")
_SAMPLES = re.compile(r"samples_(?P<task>.+?)_(?P<time>\d{4}-\d{2}-\d{2}T.+)$")
_NO_FILTER = "none"
_INVALID = "[invalid]"  # what a filter gives where it finds no answer


@importer(
    "lm-eval",
    "lm-evaluation-harness, what --log_samples writes; columns.prompt=KEY takes a key of doc",
    ("columns", "metric", "filter", "model"),
)
def read(found: Sequence[Document], settings: ImportSettings) -> Iterator[Part]:
    """The samples of every task; of several runs of a task the newest come first."""
    hashes: dict[str, str] = {}  # of the document of each question
    samples = named(found, "samples_*.jsonl")
    for document in sorted(samples, key=lambda each: each.name, reverse=True):
        file = _SAMPLES.match(document.stem)
        if not file:
            raise TableError(f"{document.name}: must be named samples_TASK_TIME.jsonl")
        results = _results(found, document, file["time"], settings)
        model = settings.model or _model(results, document)
        about = {
            "model_id": model,
            "dataset": _group(results, file["task"]),
            "category": file["task"],
        }
        yield from parts(document, _rows(document, about, hashes, settings))


def _results(
    found: Sequence[Document], samples: Document, time: str, settings: ImportSettings
) -> Mapping[str, Any]:
    """What ``results_*.json`` of the same run says; else that of the folder's only model."""
    beside = [each for each in found if each.folder == samples.folder]
    beside = [each for each in beside if each.is_named("results*.json", "*_????-??-??T*.json")]
    same = [each for each in beside if time in each.stem]
    told = [json_value(each, settings.longest) for each in same[-1:] or beside]
    told = [value for value in told if isinstance(value, dict)]
    # Runs of several models in one folder: it cannot be told which one's samples these are.
    return told[-1] if len({value.get("model_name") for value in told}) == 1 else {}


def _model(results: Mapping[str, Any], document: Document) -> str:
    named_there = results.get("model_name")
    if not isinstance(named_there, str) or not named_there:
        raise TableError(
            f"{document.name}: no results_*.json beside it names the model (key 'model_name'); "
            "say model=NAME"
        )
    return named_there


def _group(results: Mapping[str, Any], task: str) -> str:
    """The outermost group of a task, as mmlu of mmlu_anatomy; else the task itself."""
    groups = results.get("group_subtasks") or {}
    for _ in range(len(groups)):
        outer = [name for name, inner in groups.items() if task in (inner or ())]
        if not outer:
            break
        task = outer[0]
    return task


def _rows(
    document: Document,
    about: Mapping[str, str],
    hashes: dict[str, str],
    settings: ImportSettings,
) -> Iterator[tuple[int, dict[str, Any]]]:
    metric, filter_ = settings.metric, settings.filter
    for line, sample in json_lines(document, settings.longest):
        if "doc_id" not in sample:
            raise TableError(
                f"{document.name}: line {line}: no key 'doc_id'; is it a samples file?"
            )
        metric = metric or _metric(sample, document, line)
        if metric not in sample:
            raise TableError(
                f"{document.name}: line {line}: no metric '{metric}'; "
                f"found: {', '.join(_metrics(sample)) or 'none'}"
            )
        filter_ = filter_ or sample.get("filter")
        other = sample.get("filter") not in (filter_, _NO_FILTER)
        row = {**about, **_outcome(sample, metric)}
        row["question_id"] = f"{about['category']}/{sample['doc_id']}"
        row["left_out"] = f"another filter than {filter_}" if other else None
        hashed = str(sample.get("doc_hash"))
        if hashes.get(row["question_id"]) != hashed:
            hashes.setdefault(row["question_id"], hashed)
            row |= _question(sample, settings.columns)
        yield line, row


def _metric(sample: Mapping[str, Any], document: Document, line: int) -> str:
    there = _metrics(sample)
    found = next((name for name in METRICS if name in sample), there[0] if there else None)
    if found is None:
        raise TableError(f"{document.name}: line {line}: no metric; say metric=NAME")
    return found


def _metrics(sample: Mapping[str, Any]) -> list[str]:
    return [str(name) for name in sample.get("metrics") or () if name in sample]


def _outcome(sample: Mapping[str, Any], metric: str) -> dict[str, Any]:
    written, filtered = _first(_first(sample.get("resps"))), _first(sample.get("filtered_resps"))
    return {
        "score": None if isinstance(sample[metric], list | dict) else sample[metric],
        # Requests for likelihoods are answered with pairs of numbers.
        "output": written if isinstance(written, str) else None,
        "answered": filtered != _INVALID if isinstance(filtered, str) else None,
    }


def _question(sample: Mapping[str, Any], columns: Mapping[str, str]) -> dict[str, Any]:
    requests = _requests(sample.get("arguments"))
    doc = sample.get("doc")
    if "prompt" in columns:
        prompt = doc.get(columns["prompt"]) if isinstance(doc, dict) else None
    else:
        prompt = _first(requests[0]) if requests else None
    options = _options(requests)
    answer = sample.get("target")
    if options and str(answer).isdigit() and int(str(answer)) < len(options) <= 26:
        answer = letters(len(options))[int(str(answer))]
    # Options that are letters stand in the prompt.
    lettered = bool(options) and len(options) <= 26 and options == letters(len(options))
    return {"prompt": prompt, "options": None if lettered else options or None, "answer": answer}


def _requests(arguments: Any) -> list[list[Any]]:
    """The arguments of each request; early versions write lists, later ones objects."""
    if isinstance(arguments, dict):
        arguments = list(arguments.values())
    found = arguments if isinstance(arguments, list) else []
    return [list(each.values()) if isinstance(each, dict) else [*each] for each in found if each]


def _options(requests: Sequence[Sequence[Any]]) -> list[str]:
    """The continuations of one context whose likelihoods were asked for."""
    contexts = {str(request[0]) for request in requests}
    if len(requests) < 2 or len(contexts) > 1:
        return []
    return [str(request[1]).strip() for request in requests if len(request) > 1]


def _first(value: Any) -> Any:
    return value[0] if isinstance(value, list) and value else None
