"""``model-sat import`` end to end: what it leaves behind is what an assessment reads."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from actors.assessor.parts import read_source
from actors.assessor.plan import Plan, Source
from actors.examiner.questions import load_questions
from cluster.settings import load
from jobs.assess import run

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "outcomes.csv"
    rng = np.random.default_rng(0)
    lines = ["llm,question_id,score,prompt,category,answer"]
    for number in range(120):
        for model in "abcd":
            asked = f"q{number},{rng.integers(2)},What is {number}?,{['even', 'odd'][number % 2]}"
            lines.append(f"{model},{asked},{number}")
    lines.append("a,q0,7,What is 0?,even,0")
    path.write_text("\n".join(lines))
    return path


def test_an_import_is_assessed(source: Path, tmp_path: Path, model_sat: Command) -> None:
    ours = tmp_path / "ours"
    command = ["import", "table", str(source), "--to", str(ours), "columns.model_id=llm"]
    done = model_sat(*command)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "480 outcomes of 4 models in 120 questions, from 1 files",
        f"left out 1: score lies outside 0 to 1 (first: {source}: row 482)",
        f"outcomes: {ours}",
    ]
    matrix = read_source(Source(folder=str(ours)))
    assert (len(matrix), list(matrix.candidates)) == (120, list("abcd"))
    assert not np.isnan(matrix.scores_NM).any()
    assert read_source(Source(folder=str(ours))).question_ids == matrix.question_ids
    assert load_questions(str(ours / "questions.parquet")).num_rows == 120
    plan = tmp_path / "plan.yaml"
    plan.write_text(
        f"{{name: ours, output: {tmp_path}/report, sources: {{ours: {{folder: {ours}}}}}, "
        "zoos: {pair: [a, b]}, settings: [{name: seen, tune: ours, zoo: pair}], seeds: [0], "
        "exam: {tasks: 2, shots: 5}, draws: 100, plots: false}"
    )
    run(load(Plan, plan))
    assert (tmp_path / "report" / "report.json").exists()


def test_an_import_is_replaced_only_when_asked(
    source: Path, tmp_path: Path, model_sat: Command
) -> None:
    command = ["import", "table", str(source), "--to", str(tmp_path / "ours"), "--json"]
    mapping = "columns.model_id=llm"
    assert json.loads(model_sat(*command, mapping).stdout)["outcomes"] == 480
    again = model_sat(*command, mapping)
    assert again.returncode == 2
    assert "is there already; --replace" in again.stderr
    replaced = model_sat(*command, mapping, "models={a: z}", "--replace")
    assert replaced.returncode == 0
    assert list(read_source(Source(folder=str(tmp_path / "ours"))).candidates) == [
        "b",
        "c",
        "d",
        "z",
    ]
    assert {path.name for path in tmp_path.iterdir()} == {"outcomes.csv", "ours"}


def test_formats_are_listed(model_sat: Command) -> None:
    done = model_sat("import", "--list")
    assert done.returncode == 0
    assert "CSV, JSONL or Parquet" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        ((), "needs a format, a source and a folder"),
        (("tabel", "x.csv", "--to", "ours"), "no format is called 'tabel'; there are:"),
        (("table", "absent.csv", "--to", "ours"), "absent.csv: no such file or folder"),
        (("table", "x.csv", "--to", "ours", "columms.a=b"), "unknown key; allowed: longest"),
        (("table", "x.csv", "--to", "actors"), "is there, but no import"),
    ],
)
def test_mistakes_are_one_line(arguments: tuple[str, ...], part: str, model_sat: Command) -> None:
    done = model_sat("import", *arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert part in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (Path(__file__).parents[2] / "ours").exists()


def test_the_module_is_the_same_command(python: Command) -> None:
    done = python("-m", "jobs.import_outcomes", "tabel", "x.csv", "--to", "ours")
    assert done.returncode == 2
    assert done.stderr.startswith("error: no format is called 'tabel'; there are:")
