import json
from pathlib import Path
from typing import Any

import pytest

from cluster.errors import TableError


def instance(number: int, text: str, **more: Any) -> dict[str, Any]:
    references = [("one", []), ("two", ["correct"])]
    return {
        "id": f"id{number}",
        "input": {"text": text},
        "references": [{"output": {"text": word}, "tags": tags} for word, tags in references],
        "split": "test",
        **more,
    }


def stats(number: int, value: float, **more: Any) -> dict[str, Any]:
    figures = {"num_references": 2.0, "exact_match": value, "quasi_exact_match": 1.0}
    return entry(number, figures, **more)


def entry(number: int, figures: dict[str, float], **more: Any) -> dict[str, Any]:
    """What one class of metrics says of a question; copies are named in every metric, too."""
    copy = {name: value for name, value in more.items() if name == "perturbation"}
    return {
        "instance_id": f"id{number}",
        "train_trial_index": 0,
        "stats": [
            {"name": {"name": name, "split": "test", **copy}, "count": 1, "sum": mean, "mean": mean}
            for name, mean in figures.items()
        ],
        **more,
    }


CHANGED: dict[str, Any] = {"perturbation": {"name": "typos"}}
STATS = [stats(1, 1.0), stats(2, 0.0), stats(1, 0.0, train_trial_index=1), stats(2, 1.0, **CHANGED)]
INSTANCES = [instance(1, "Why?"), instance(2, "How?"), instance(2, "Hwo?", **CHANGED)]


def write(folder: Path, model: str, state: bool = False, figures: Any = STATS) -> Path:
    """A run; what was asked stands in instances.json or in scenario_state.json."""
    folder.mkdir()
    spec = {
        "name": f"mmlu:subject=made_up,method=joint,model={model.replace('/', '_')}",
        "scenario_spec": {"class_name": "x.MMLUScenario", "args": {"subject": "made_up"}},
        "adapter_spec": {"model": model},
    }
    (folder / "run_spec.json").write_text(json.dumps(spec))
    (folder / "per_instance_stats.json").write_text(json.dumps(figures, indent=2))
    states = {"adapter_spec": {}, "request_states": [{"instance": each} for each in INSTANCES]}
    name = "scenario_state.json" if state else "instances.json"
    (folder / name).write_text(json.dumps(states if state else INSTANCES))
    return folder


def test_runs_become_outcomes(tmp_path: Path, imported: Any) -> None:
    write(tmp_path / "first", "lab/a")
    write(tmp_path / "second", "lab/b", state=True)
    found = imported("helm", tmp_path)
    name = "mmlu:subject=made_up,method=joint"
    assert found.scores() == {
        (model, f"{name}/id{number}"): 2 - number
        for model in ("lab/a", "lab/b")
        for number in (1, 2)
    }
    assert found.left_out() == {
        "further trial with other examples": 2,
        "perturbed copy of a question": 2,
    }
    question = found.questions()[f"{name}/id1"]
    assert (question["prompt"], question["options"]) == ("Why?", ["one", "two"])
    assert (question["answer"], question["split"]) == ("B", "test")
    assert (question["dataset"], question["category"]) == ("mmlu", "mmlu made_up")


def test_the_metric_can_be_told(tmp_path: Path, imported: Any) -> None:
    source = write(tmp_path / "run", "lab/a")
    found = imported("helm", source, told=("metric=quasi_exact_match",))
    assert set(found.scores().values()) == {1}


@pytest.mark.parametrize("told", [(), ("metric=ifeval_strict_accuracy",)])
def test_each_class_of_metrics_has_entries_of_its_own(
    told: tuple[str, ...], tmp_path: Path, imported: Any
) -> None:
    tokens = [entry(number, {"num_output_tokens": 9.0}) for number in (1, 2)]
    strict = [entry(number, {"ifeval_strict_accuracy": 2.0 - number}) for number in (1, 2)]
    copies = [entry(2, {"ifeval_strict_accuracy": 1.0}, **CHANGED)]
    source = write(tmp_path / "run", "lab/a", figures=[*tokens, *strict, *copies, *tokens])
    found = imported("helm", source, told=told)
    assert list(found.scores().values()) == [1.0, 0.0]
    assert found.left_out() == {"perturbed copy of a question": 1}


def test_the_default_metric_is_the_first_of_all_that_the_run_has(
    tmp_path: Path, imported: Any
) -> None:
    basic = [entry(number, {"rouge_l": 0.5}) for number in (1, 2)]
    exact = [entry(number, {"exact_match": 1.0}) for number in (1, 2)]
    found = imported("helm", write(tmp_path / "run", "lab/a", figures=[*basic, *exact]))
    assert list(found.scores().values()) == [1.0, 1.0]


def test_what_is_missing_is_told(tmp_path: Path, imported: Any) -> None:
    source = write(tmp_path / "run", "lab/a")
    with pytest.raises(TableError, match=r"stats.json: no metric 'bleu'; found: num_referen"):
        imported("helm", source, told=("metric=bleu",))
    (source / "instances.json").unlink()
    with pytest.raises(TableError, match=r"neither instances.json nor scenario_state.json"):
        imported("helm", source)
    (source / "run_spec.json").write_text("{}")
    with pytest.raises(TableError, match=r"run_spec.json: is no run specification: no 'name'"):
        imported("helm", source)
    (source / "run_spec.json").unlink()
    with pytest.raises(TableError, match=r"no run_spec.json beside it, which names the model"):
        imported("helm", source)


def test_a_run_that_was_cut_off_leaves_nothing(tmp_path: Path, imported: Any) -> None:
    source = write(tmp_path / "run", "lab/a")
    text = (source / "per_instance_stats.json").read_text()
    (source / "per_instance_stats.json").write_text(text[: len(text) // 2])
    with pytest.raises(
        TableError, match=r"per_instance_stats.json: line \d+: is no JSON, or was cut"
    ):
        imported("helm", source)
    assert not (tmp_path / "imported").exists()
