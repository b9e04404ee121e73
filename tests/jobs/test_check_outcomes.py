"""``model-sat check`` on outcomes that ``model-sat import`` left."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, model_sat: Command) -> Path:
    place = tmp_path_factory.mktemp("checked")
    rows = [
        f"{model},q{number},{int(number % 3 == 0 or model == 'b')},What is {number}?"
        for model in "ab"
        for number in range(60)
    ]
    path = place / "rows.csv"
    path.write_text("\n".join(["model_id,question_id,score,prompt", *rows]))
    done = model_sat("import", "table", str(path), "--to", str(place / "ours"))
    assert done.returncode == 0, done.stderr
    return place / "ours"


def test_findings_are_printed_and_written(
    folder: Path, tmp_path: Path, python: Command, model_sat: Command
) -> None:
    done = model_sat("check", str(folder), "--to", str(tmp_path / "check.json"))
    assert done.returncode == 0, done.stderr
    assert f"{folder}: 2 models, 60 questions, 120 outcomes" in done.stdout
    assert "b (mean 100.0%): every score is 1" in done.stdout
    assert "at most 0.0 points over the best single model" in done.stdout
    printed = python("-m", "jobs.check_outcomes", str(folder), "--json").stdout
    assert json.loads(printed) == json.loads((tmp_path / "check.json").read_text())
    assert json.loads(printed)["sources"][str(folder)]["headroom"]["best_single_model"] == "b"


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("absent",), "absent/questions.parquet: no such file"),
        (("{folder}", "--tasks", "topic"), "no column 'topic' to take tasks from"),
        (("{folder}", "--models", "z"), "no candidate 'z'; there are: a, b"),
    ],
)
def test_mistakes_are_one_line(
    arguments: tuple[str, ...], part: str, folder: Path, model_sat: Command
) -> None:
    done = model_sat("check", *[each.format(folder=folder) for each in arguments])
    assert done.returncode == 2
    assert part in done.stderr
    assert done.stderr.count("\n") == 1
