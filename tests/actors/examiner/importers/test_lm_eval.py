import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from actors.examiner.importers import intake
from cluster.errors import TableError
from cluster.store import Store

TIME = "2025-06-01T10-00-00.123456"


def choice(number: int, right: bool, prompt: str | None = None) -> dict[str, Any]:
    """A sample of a multiple-choice task, as documented."""
    asked = prompt or f"Question: What is {number}?\nAnswer:"
    options = [" one", " two", " three"]
    return {
        "doc_id": number,
        "doc": {"question": f"What is {number}?", "choices": options, "label": 1},
        "target": "1",
        "arguments": {
            f"gen_args_{place}": {"arg_0": asked, "arg_1": option}
            for place, option in enumerate(options)
        },
        "resps": [[["-1.5", "False"]]] * 3,
        "filtered_resps": [["-1.5", "False"]] * 3,
        "filter": "none",
        "metrics": ["acc", "acc_norm"],
        "doc_hash": f"hash {number}",
        "acc": float(right),
        "acc_norm": 1.0,
    }


def generation(number: int, filter_: str, found: str, right: float) -> dict[str, Any]:
    """A sample of a generation task; there is one for every filter."""
    return {
        "doc_id": number,
        "doc": {"question": f"{number} + 1?", "answer": str(number + 1)},
        "target": str(number + 1),
        "arguments": {"gen_args_0": {"arg_0": f"{number} + 1?", "arg_1": {"until": ["\n"]}}},
        "resps": [["It is so."]],
        "filtered_resps": [found],
        "filter": filter_,
        "metrics": ["exact_match"],
        "doc_hash": f"sum {number}",
        "exact_match": right,
    }


SUMS = [
    generation(1, "strict-match", "[invalid]", 0.0),
    generation(2, "strict-match", "3", 1.0),
    generation(1, "flexible-extract", "2", 1.0),
    generation(2, "flexible-extract", "3", 1.0),
]


def write(folder: Path, model: str | None, tasks: dict[str, Any], time: str = TIME) -> Path:
    folder.mkdir(exist_ok=True)
    results: dict[str, Any] = {"results": {}, "group_subtasks": {"mmlu": ["mmlu_made_up"]}}
    if model:
        (folder / f"results_{time}.json").write_text(json.dumps(results | {"model_name": model}))
    for task, samples in tasks.items():
        lines = "".join(f"{json.dumps(sample)}\n" for sample in samples)
        (folder / f"samples_{task}_{time}.jsonl").write_text(lines)
    return folder


def test_choices_and_generations_of_two_models(tmp_path: Path, imported: Any) -> None:
    tasks = {"mmlu_made_up": [choice(1, True), choice(2, False)], "sums": SUMS}
    write(tmp_path / "lab__a", "lab/a", tasks)
    # Another template, and so another prompt, for the same document.
    templated = choice(1, False, "<user> Question: What is 1?")
    write(tmp_path / "lab__b", "lab/b", {"mmlu_made_up": [templated]})
    found = imported("lm-eval", tmp_path)
    assert found.scores() == {
        ("lab/a", "mmlu_made_up/1"): 1,
        ("lab/a", "mmlu_made_up/2"): 0,
        ("lab/b", "mmlu_made_up/1"): 0,
        ("lab/a", "sums/1"): 0,
        ("lab/a", "sums/2"): 1,
    }
    assert found.left_out() == {"another filter than strict-match": 2}
    question = found.questions()["mmlu_made_up/2"]
    assert question["prompt"] == "Question: What is 2?\nAnswer:"
    assert (question["options"], question["answer"]) == (["one", "two", "three"], "B")
    assert (question["dataset"], question["category"]) == ("mmlu", "mmlu_made_up")
    assert found.questions()["sums/1"]["answer"] == "2"
    silent, read = found.outcomes()["lab/a", "sums/1"], found.outcomes()["lab/a", "sums/2"]
    assert (silent["output"], silent["answered"], read["answered"]) == ("It is so.", False, True)


def test_samples_are_nobodys_where_several_models_share_a_folder(
    tmp_path: Path, imported: Any
) -> None:
    write(tmp_path / "out", None, {"mmlu_made_up": [choice(1, True)]})
    for hour, model in enumerate(["lab/a", "lab/b"], 11):
        write(tmp_path / "out", model, {}, TIME.replace("T10", f"T{hour}"))
    with pytest.raises(TableError, match=r"names the model \(key 'model_name'\); say model=NAME"):
        imported("lm-eval", tmp_path)


def test_metric_filter_and_prompt_can_be_told(tmp_path: Path, imported: Any) -> None:
    source = write(tmp_path / "a", "lab/a", {"sums": SUMS})
    told = ("filter=flexible-extract", "columns.prompt=question", "metric=exact_match")
    found = imported("lm-eval", source, told=told)
    assert set(found.scores().values()) == {1}
    assert found.left_out() == {"another filter than flexible-extract": 2}
    assert found.questions()["sums/2"]["prompt"] == "2 + 1?"


def test_the_newest_run_counts(tmp_path: Path, imported: Any) -> None:
    write(tmp_path / "a", "lab/a", {"t": [choice(1, False)]}, "2025-01-01T00-00-00.1")
    write(tmp_path / "a", "lab/a", {"t": [choice(1, True)]})
    found = imported("lm-eval", tmp_path)
    assert found.scores() == {("lab/a", "t/1"): 1}
    assert found.left_out() == {intake.TWICE: 1}


def test_options_that_are_letters_stand_in_the_prompt(tmp_path: Path, imported: Any) -> None:
    sample = choice(1, True)
    for place, letter in enumerate("ABC"):
        sample["arguments"][f"gen_args_{place}"]["arg_1"] = f" {letter}"
    found = imported("lm-eval", write(tmp_path / "a", "lab/a", {"t": [sample]}))
    question = found.questions()["t/1"]
    assert (question["options"], question["answer"]) == (None, "B")


def test_a_document_that_changed_is_left_out(tmp_path: Path, imported: Any) -> None:
    write(tmp_path / "b", "lab/b", {"t": [choice(1, True)]})
    changed = choice(1, True, "Something else?") | {"doc_hash": "other"}
    write(tmp_path / "a", "lab/a", {"t": [changed, choice(2, True)]})
    found = imported("lm-eval", tmp_path)
    assert set(found.scores()) == {("lab/b", "t/1"), ("lab/a", "t/2")}
    assert found.left_out() == {intake.OTHER_PROMPT: 1}


@pytest.mark.parametrize(
    ("model", "sample", "message"),
    [
        (None, choice(1, True), "no results_.*json beside it names the model.*say model=NAME"),
        ("lab/a", {"a": 1}, "line 1: no key 'doc_id'; is it a samples file"),
        ("lab/a", {"doc_id": 1, "metrics": []}, "line 1: no metric; say metric=NAME"),
    ],
)
def test_what_is_missing_is_told(
    model: str | None, sample: dict[str, Any], message: str, tmp_path: Path, imported: Any
) -> None:
    source = write(tmp_path / "a", model, {"t": [sample]})
    with pytest.raises(TableError, match=message):
        imported("lm-eval", source)


CHOICES = """
task: made_up_choices
dataset_path: json
dataset_kwargs: {{data_files: {{test: {file}}}}}
test_split: test
output_type: multiple_choice
doc_to_text: "Question: {{{{question}}}}\\nAnswer:"
doc_to_choice: "{{{{options}}}}"
doc_to_target: label
metric_list: [{{metric: acc}}, {{metric: acc_norm}}]
"""
GENERATIONS = """
task: made_up_sums
dataset_path: json
dataset_kwargs: {{data_files: {{test: {file}}}}}
test_split: test
output_type: generate_until
doc_to_text: "{{{{question}}}}"
doc_to_target: "{{{{answer}}}}"
generation_kwargs: {{until: ["\\n"], max_gen_toks: 8, do_sample: false}}
filter_list:
  - name: first-number
    filter: [{{function: regex, regex_pattern: "(\\\\d+)"}}, {{function: take_first}}]
  - name: last-word
    filter: [{{function: regex, regex_pattern: "(\\\\w+)$"}}, {{function: take_first}}]
metric_list: [{{metric: exact_match}}]
"""


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("lm_eval") is None, reason="lm-eval is not installed")
def test_files_of_the_real_package(tmp_path: Path, laptop_models: Store, imported: Any) -> None:
    """Two local tasks, asked of a packaged model by lm-evaluation-harness itself."""
    rows = [
        {
            "question": f"What is {number} plus one?",
            "options": [f"{number}", f"{number + 1}", f"{number + 2}"],
            "label": 1,
            "answer": str(number + 1),
        }
        for number in range(6)
    ]
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    tasks = tmp_path / "tasks"
    tasks.mkdir()
    (tasks / "choices.yaml").write_text(CHOICES.format(file=file))
    (tasks / "sums.yaml").write_text(GENERATIONS.format(file=file))
    model = laptop_models.local_folder("models/smollm2-135m-instruct")
    command = [sys.executable, "-m", "lm_eval", "--model", "hf", "--device", "cpu"]
    command += ["--model_args", f"pretrained={model},dtype=float32", "--batch_size", "6"]
    command += ["--tasks", "made_up_choices,made_up_sums", "--include_path", str(tasks)]
    command += ["--log_samples", "--output_path", str(tmp_path / "out")]
    offline = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_CACHE": str(tmp_path / "cache")}
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=600, env={**os.environ, **offline}
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = imported("lm-eval", tmp_path / "out", told=(f"models={{{model}: smollm2}}",))
    assert found.tally.outcomes == 12
    assert found.left_out() == {"another filter than first-number": 6}
    assert {name for name, _ in found.scores()} == {"smollm2"}
    (results,) = (tmp_path / "out").rglob("results_*.json")
    aggregated = json.loads(results.read_text())["results"]
    means = {"made_up_choices": "acc,none", "made_up_sums": "exact_match,first-number"}
    for task, metric in means.items():
        scores = [score for (_, id_), score in found.scores().items() if id_.startswith(task)]
        assert sum(scores) / 6 == pytest.approx(aggregated[task][metric])
    question = found.questions()["made_up_choices/2"]
    assert question["prompt"] == "Question: What is 2 plus one?\nAnswer:"
    assert (question["options"], question["answer"]) == (["2", "3", "4"], "B")
    generated = [row for (_, id_), row in found.outcomes().items() if id_.startswith("made_up_s")]
    assert all(row["output"] is not None and row["answered"] is not None for row in generated)
