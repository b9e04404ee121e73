"""HELM: the folders of its runs, each one scenario and model.

Of a run are read ``per_instance_stats.json`` (a list: ``instance_id``, ``train_trial_index``,
``perturbation``, ``stats`` with ``name.name`` and ``mean``), ``run_spec.json`` (its ``name``,
``adapter_spec.model``, ``scenario_spec.args``), and for the questions ``instances.json`` or else
``scenario_state.json``.

The list has an entry for each question and class of metrics. The score is ``metric``, or the first
of METRICS that the run has; entries without it are passed over. Perturbed copies of questions and
further trials with other examples are left out. Options are those of questions with one correct
reference among several.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from actors.examiner.importers.documents import Document, named
from actors.examiner.importers.parts import Part, parts
from actors.examiner.importers.registry import ImportSettings, importer
from actors.examiner.importers.streams import json_items, json_value
from cluster.errors import TableError
from cluster.tables import letters

METRICS = (
    "exact_match",
    "quasi_exact_match",
    "prefix_exact_match",
    "quasi_prefix_exact_match",
    "final_number_exact_match",
    "chain_of_thought_correctness",
    "math_equiv_chain_of_thought",
    "math_equiv",
    "ifeval_strict_accuracy",
    "pass",
    "f1_score",
    "rouge_l",
)
_STATS, _SPEC = "per_instance_stats.json", "run_spec.json"
_MODEL_KEYS = ("model=", "model_deployment=")


@importer("helm", "HELM run folders: per_instance_stats.json with run_spec.json", ("metric",))
def read(found: Sequence[Document], settings: ImportSettings) -> Iterator[Part]:
    """Of every run its questions, then its outcomes."""
    beside = {(document.folder, document.place.name): document for document in found}
    for stats in named(found, _STATS):
        spec = beside.get((stats.folder, _SPEC))
        if spec is None:
            raise TableError(f"{stats.name}: no {_SPEC} beside it, which names the model")
        run = json_value(spec, settings.longest)
        name, model, about = _run(run, spec)
        yield from _question_parts(beside, stats, name, about, settings)
        yield from parts(stats, _outcomes(stats, name, model, settings))


def _run(spec: Any, document: Document) -> tuple[str, str, dict[str, str]]:
    """The scenario's name, the model, and data set and category of the questions."""
    try:
        scenario, _, arguments = spec["name"].partition(":")
        kept = [each for each in arguments.split(",") if not each.startswith(_MODEL_KEYS)]
        values = [str(value) for value in spec["scenario_spec"].get("args", {}).values()]
        name = ":".join([scenario, ",".join(kept)]) if any(kept) else scenario
        about = {"dataset": scenario, "category": " ".join([scenario, *values])}
        return name, spec["adapter_spec"]["model"], about
    except (KeyError, TypeError, AttributeError) as error:
        raise TableError(
            f"{document.name}: is no run specification: no {error} (name, scenario_spec, "
            "adapter_spec.model are needed)"
        ) from error


def _question_parts(
    beside: Mapping[Any, Document],
    stats: Document,
    name: str,
    about: Mapping[str, str],
    settings: ImportSettings,
) -> Iterator[Part]:
    if instances := beside.get((stats.folder, "instances.json")):
        items = json_items(instances, settings.longest)
    elif instances := beside.get((stats.folder, "scenario_state.json")):
        states = json_items(instances, settings.longest, "request_states")
        items = ((line, state.get("instance") or {}) for line, state in states)
    else:
        raise TableError(
            f"{stats.name}: neither instances.json nor scenario_state.json beside it, which say "
            "what was asked"
        )
    rows = (
        (line, {**about, **_question(item, name)}) for line, item in items if not _perturbed(item)
    )
    yield from parts(instances, rows, outcomes=False)


def _question(instance: Mapping[str, Any], name: str) -> dict[str, Any]:
    references = [
        (str(_text(each.get("output"))), "correct" in (each.get("tags") or ()))
        for each in instance.get("references") or ()
        if isinstance(each, dict)
    ]
    right = [place for place, (_, correct) in enumerate(references) if correct]
    choice = 1 < len(references) <= 26 and len(right) == 1
    answer = None
    if right:
        answer = letters(len(references))[right[0]] if choice else references[right[0]][0]
    return {
        "question_id": f"{name}/{instance['id']}" if "id" in instance else None,
        "prompt": _text(instance.get("input")),
        "options": [text for text, _ in references] if choice else None,
        "answer": answer,
        "split": instance.get("split"),
    }


def _outcomes(
    document: Document, name: str, model: str, settings: ImportSettings
) -> Iterator[tuple[int, dict[str, Any]]]:
    metric = _metric(document, settings)
    for line, item in json_items(document, settings.longest):
        stats = _stats(item)
        if metric not in stats:
            continue
        left_out = "perturbed copy of a question" if _perturbed(item) else None
        if item.get("train_trial_index", 0):
            left_out = "further trial with other examples"
        yield (
            line,
            {
                "model_id": model,
                "question_id": f"{name}/{item.get('instance_id')}",
                "score": stats[metric],
                "left_out": left_out,
            },
        )


def _metric(document: Document, settings: ImportSettings) -> str:
    """The metric asked for, or the first of METRICS that the run has."""
    wanted = (settings.metric,) if settings.metric else METRICS
    names: dict[str, None] = {}
    for _, item in json_items(document, settings.longest):
        names |= dict.fromkeys(_stats(item))
        if wanted[0] in names:
            break
    metric = next((name for name in wanted if name in names), None)
    if metric is None:
        raise TableError(
            f"{document.name}: no metric '{wanted[0]}'; found: {', '.join(names) or 'none'}; "
            "say metric=NAME"
        )
    return metric


def _stats(item: Mapping[str, Any]) -> dict[str, Any]:
    """The value of each metric, of the question as the entry has it."""
    return {
        str(name.get("name")): stat.get("mean", stat.get("sum"))
        for stat in item.get("stats") or ()
        if isinstance(stat, dict) and isinstance(name := stat.get("name"), dict)
        if _perturbed(item) or not _perturbed(name)
    }


def _text(value: Any) -> Any:
    """Texts are wrapped in objects; in early releases they were not."""
    return value.get("text") if isinstance(value, dict) else value


def _perturbed(item: Mapping[str, Any]) -> bool:
    return bool(item.get("perturbation"))
