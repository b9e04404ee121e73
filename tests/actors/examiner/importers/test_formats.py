"""The formats that are JSON lists or tables: small files in the published form."""

import json
import zipfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pcsv
import pyarrow.parquet as pq
import pytest

from actors.examiner.importers import intake
from actors.examiner.importers.registry import all_importers
from cluster.errors import TableError


def written(path: Path, value: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    return path


def mmlu_pro(number: int, answer: str, **more: Any) -> dict[str, Any]:
    return {
        "question_id": number,
        "question": f"What is {number}?",
        "options": ["one", "two", "three"],
        "answer": answer,
        "category": "math",
        "src": "made-up",
        **more,
    }


def test_mmlu_pro(tmp_path: Path, imported: Any) -> None:
    """A zip named by its model, a folder with a file a category, a file without ``pred``."""
    first = [mmlu_pro(1, "B", pred="B", model_outputs="It is two."), mmlu_pro(2, "A", pred=None)]
    with zipfile.ZipFile(tmp_path / "model_outputs_first-7B_5shots.zip", "w") as archive:
        archive.writestr("model_outputs_first-7B_5shots.json", json.dumps(first))
    second = written(tmp_path / "second" / "math_result.json", [mmlu_pro(1, "B", pred="C")])
    written(tmp_path / "second" / "math_summary.json", {"total": {"acc": 0.0}})
    went_on = "The answer is (B).\nQuestion: What is 4?\nAnswer: C"
    third = [mmlu_pro(1, "B", model_outputs=went_on), mmlu_pro(3, "C")]
    written(tmp_path / "model_outputs_third.json", third)
    found = imported("mmlu-pro", tmp_path)
    assert found.scores() == {
        ("first-7B", "mmlu_pro/1"): 1,
        ("first-7B", "mmlu_pro/2"): 0,
        ("second", "mmlu_pro/1"): 0,
        ("third", "mmlu_pro/1"): 1,
    }
    assert second.exists()
    answered = {pair: row["answered"] for pair, row in found.outcomes().items()}
    assert [pair for pair, read in answered.items() if not read] == [("first-7B", "mmlu_pro/2")]
    assert found.left_out() == {intake.NO_SCORE: 1}
    question = found.questions()["mmlu_pro/1"]
    assert (question["category"], question["answer"]) == ("math", "B")
    assert found.outcomes()["first-7B", "mmlu_pro/1"]["output"] == "It is two."


def test_mmlu_pro_questions_that_changed_are_left_out(tmp_path: Path, imported: Any) -> None:
    written(tmp_path / "model_outputs_a.json", [mmlu_pro(1, "B", pred="B")])
    changed = mmlu_pro(1, "B", pred="B", options=["two", "one"])
    written(tmp_path / "model_outputs_b.json", [changed, mmlu_pro(2, "B", pred="B")])
    found = imported("mmlu-pro", tmp_path)
    assert set(found.scores()) == {("a", "mmlu_pro/1"), ("b", "mmlu_pro/2")}
    assert found.left_out() == {intake.OTHER_PROMPT: 1}


def test_routerdc(tmp_path: Path, imported: Any) -> None:
    rows = [
        {"question": "Why?", "scores": {"lab/a": 1.0, "lab/b": 0.3}, "cluster_id": 4},
        {"question": "How?", "scores": {"lab/a": 0.0, "lab/b": float("nan")}},
        {"question": "What?"},
    ]
    written(tmp_path / "gsm8k-train.json", rows)
    written(tmp_path / "MATH_algebra.json", rows[:1])
    found = imported("routerdc", tmp_path)
    prompts = {row["prompt"]: id_ for id_, row in found.questions().items()}
    assert set(prompts) == {"Why?", "How?", "What?"}
    assert found.scores() == {
        ("lab/a", prompts["Why?"]): 1.0,
        ("lab/b", prompts["Why?"]): 0.3,
        ("lab/a", prompts["How?"]): 0.0,
    }
    assert found.left_out() == {intake.TWICE: 2, intake.NOT_FINITE: 1, "no scores": 1}
    assert {row["dataset"] for row in found.questions().values()} == {"MATH_algebra", "gsm8k"}
    assert found.questions()[prompts["How?"]]["split"] == "train"


def annotation(instruction: str, preference: Any, annotator: str = "judge") -> dict[str, Any]:
    return {
        "instruction": instruction,
        "output_1": "reference",
        "generator_1": "gpt4_1106_preview",
        "dataset": "helpful_base",
        "output_2": "ours",
        "generator_2": "ours-7b",
        "annotator": annotator,
        "preference": preference,
    }


def test_alpaca_eval(tmp_path: Path, imported: Any) -> None:
    preferences = [1.0, 2, 1.25, 1.5, 0, None, float("nan"), 3]
    rows = [annotation(f"Do {number}.", found) for number, found in enumerate(preferences)]
    rows.append(annotation("Do 0.", 2, "another judge"))
    written(tmp_path / "ours" / "judge" / "annotations.json", rows)
    found = imported("alpaca-eval", tmp_path, told=("filter=judge",))
    assert [*found.scores().values()] == [0, 1, 0.25, 0.5, 0.5]
    assert {model for model, _ in found.scores()} == {"ours-7b"}
    assert found.left_out() == {
        intake.NO_SCORE: 1,
        intake.NOT_FINITE: 1,
        "score lies outside 0 to 1": 1,
        "annotator is not judge": 1,
    }
    question = next(iter(found.questions().values()))
    assert (question["dataset"], question["category"]) == ("alpaca_eval", "helpful_base")


def test_embedllm(tmp_path: Path, imported: Any) -> None:
    columns = {
        "prompt_id": [0, 0, 1],
        "model_id": [5, 6, 5],
        "category_id": [1, 1, 2],
        "label": [1, 0, 1],
        "prompt": ["Why,\nthen?", "Why,\nthen?", "How?"],
        "model_name": ["lab/a", "lab/b", "lab/a"],
        "category": ["gpqa", "gpqa", "asdiv"],
    }
    pcsv.write_csv(pa.table(columns), tmp_path / "train.csv")
    pcsv.write_csv(pa.table(columns | {"prompt": ["A", "A", "B"]}), tmp_path / "test.csv")
    found = imported("embedllm", tmp_path)
    assert found.tally.outcomes == 6
    assert found.scores()["lab/b", "embedllm/train/0"] == 0
    question = found.questions()["embedllm/train/0"]
    assert (question["prompt"], question["category"]) == ("Why,\nthen?", "gpqa")
    assert (question["dataset"], question["split"]) == ("embedllm", "train")


WIDE = {
    "sample_id": ["m.0", "m.1"],
    "prompt": ["Why?", "How?"],
    "eval_name": ["mmlu-made-up", "mbpp"],
    "lab/a": [1.0, 0.5],
    "lab/b": [0.0, None],
    "lab/a|model_response": ["so", "thus"],
    "lab/b|model_response": ["no", "never"],
    "lab/a|total_cost": [0.01, 0.02],
    "lab/b|total_cost": [0.001, 0.002],
    "oracle_model_to_route_to": ["lab/a", "lab/a"],
}


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_routerbench(suffix: str, tmp_path: Path, imported: Any) -> None:
    path = tmp_path / f"routerbench_0shot{suffix}"
    (pcsv.write_csv if suffix == ".csv" else pq.write_table)(pa.table(WIDE), path)
    found = imported("routerbench", path)
    scores = {("lab/a", "m.0"): 1, ("lab/b", "m.0"): 0, ("lab/a", "m.1"): 0.5}
    assert found.scores() == scores
    assert found.left_out() == {intake.NO_SCORE: 1}
    row = found.outcomes()["lab/a", "m.1"]
    assert (row["output"], row["cost"]) == ("thus", 0.02)
    assert found.questions()["m.0"]["category"] == "mmlu-made-up"


def test_routerbench_as_published_is_refused(tmp_path: Path, imported: Any) -> None:
    (tmp_path / "routerbench_0shot.pkl").write_bytes(b"")
    with pytest.raises(TableError, match=r"is a pickle.*to_parquet"):
        imported("routerbench", tmp_path / "routerbench_0shot.pkl")
    with pytest.raises(TableError, match="is a pickle"):
        imported("routerbench", tmp_path)


def test_llmrouterbench(tmp_path: Path, imported: Any) -> None:
    record = {
        "index": 1,
        "origin_query": "Why?",
        "prompt": "Question: Why?",
        "prediction": "so",
        "ground_truth": "so",
        "score": 1.0,
        "prompt_tokens": 50,
        "completion_tokens": 20,
        "cost": 0.001,
        "raw_output": "Because so.",
    }
    silent = {**record, "index": 2, "origin_query": "How?", "prediction": None, "score": 0.0}
    place = tmp_path / "bench" / "made-up" / "test" / "model-a"
    written(place / "20250101.json", {"performance": 0, "records": [{**record, "score": 0.0}]})
    newest = {"performance": 0.5, "records": [record, silent], "cost": 0.002}
    written(place / "20250601.json", newest)
    found = imported("llmrouterbench", tmp_path / "bench")
    assert found.scores() == {("model-a", "made-up/test/1"): 1, ("model-a", "made-up/test/2"): 0}
    assert found.left_out() == {intake.TWICE: 1}
    row = found.outcomes()["model-a", "made-up/test/1"]
    assert (row["output"], row["prompt_tokens"], row["completion_tokens"]) == (
        "Because so.",
        50,
        20,
    )
    assert (row["cost"], row["answered"]) == (0.001, True)
    assert found.outcomes()["model-a", "made-up/test/2"]["answered"] is False
    question = found.questions()["made-up/test/1"]
    assert (question["prompt"], question["answer"], question["split"]) == ("Why?", "so", "test")


def test_folders_become_one(tmp_path: Path, imported: Any) -> None:
    for number, name in enumerate(("first", "second")):
        (tmp_path / name).mkdir()
        asked = {"question_id": ["q", name], "dataset": ["d"] * 2, "category": ["c"] * 2}
        questions = pa.table(asked | {"prompt": ["Why?", name], "options": [["x", "y"], None]})
        pq.write_table(questions, tmp_path / name / "questions.parquet")
        outcomes = {"model_id": ["a", name], "question_id": ["q", name], "correct": [number, 1]}
        pq.write_table(pa.table(outcomes), tmp_path / name / "outcomes.parquet")
    found = imported("folder", tmp_path / "first", tmp_path / "second")
    assert found.scores() == {("a", "q"): 0, ("first", "first"): 1, ("second", "second"): 1}
    assert found.left_out() == {intake.TWICE: 1}
    assert set(found.questions()) == {"q", "first", "second"}


@pytest.mark.parametrize("name", [name for name in all_importers() if name != "table"])
def test_files_of_another_format_are_told(name: str, tmp_path: Path, imported: Any) -> None:
    (tmp_path / "notes.txt").write_text("nothing to see")
    with pytest.raises(TableError, match=r"no file is named .*found 1 files: .*notes.txt"):
        imported(name, tmp_path)
    assert not (tmp_path / "imported").exists()


WRONG = {
    "mmlu-pro": ("answers.json", [{"a": 1}], "the name says no model.*say model=NAME"),
    "routerdc": ("gsm8k.json", {"a": 1}, "line 1: a JSON array was expected"),
    "alpaca-eval": ("annotations.json", [1], "line 1: must hold JSON objects; found int"),
    "llmrouterbench": ("a/b/c/d.json", {"performance": 1}, "key 'records' was expected; found: p"),
    "routerbench": ("wide.csv", "sample_id,prompt", "no column 'eval_name'; found: "),
    "embedllm": (
        "train.csv",
        "prompt_id",
        "no column 'model_name' .columns.model_id.; found: prompt_id",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_content_is_told_with_the_file(name: str, tmp_path: Path, imported: Any) -> None:
    file, content, message = WRONG[name]
    source = written(tmp_path / file, content)
    with pytest.raises(TableError, match=message) as caught:
        imported(name, tmp_path)
    assert str(source) in str(caught.value)


@pytest.mark.parametrize("name", ["mmlu-pro", "routerdc", "alpaca-eval"])
def test_files_that_were_cut_off_leave_nothing(name: str, tmp_path: Path, imported: Any) -> None:
    file = {"mmlu-pro": "model_outputs_a.json", "alpaca-eval": "annotations.json"}.get(
        name, "x.json"
    )
    source = tmp_path / file
    source.write_text('[{"question": "Why?", "question_id": 1, "scores": {"a": 1}},\n{"quest')
    with pytest.raises(TableError, match="line 2: is no JSON, or was cut off"):
        imported(name, source)
    assert not (tmp_path / "imported").exists()
