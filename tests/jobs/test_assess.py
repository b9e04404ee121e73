"""``model-sat assess`` end to end on a small made-up source."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from actors.assessor.plan import Plan
from cluster.errors import UserError
from cluster.settings import load
from jobs.assess import run

Command = Callable[..., subprocess.CompletedProcess[str]]
PLAN = """
name: small
output: {folder}/report
sources: {{ours: {{folder: {folder}/ours}}}}
zoos: {{pair: [a, b]}}
settings:
  - {{name: seen, tune: ours, zoo: pair}}
  - {{name: random, tune: ours, random: {{count: 2, size: 2, below: 0.9}}, unseen: true}}
replays: [{{name: days, source: ours, start: "2024-01-03", best: 1}}]
coverages: [{{name: covered, source: ours, zoo: pair, reference: d}}]
seeds: [0, 1]
exam: {{tasks: 2, shots: 5}}
draws: 100
plots: false
"""


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    folder = tmp_path / "ours"
    folder.mkdir()
    ids = [f"q{number}" for number in range(120)]
    questions = {
        "question_id": ids,
        "dataset": ["d"] * 120,
        "category": ["even", "odd"] * 60,
        "prompt": [f"What is {number}?" for number in range(120)],
    }
    pq.write_table(pa.table(questions), folder / "questions.parquet")
    rng = np.random.default_rng(0)
    outcomes = {
        "model_id": [name for name in "abcd" for _ in ids],
        "question_id": ids * 4,
        "correct": rng.integers(0, 2, 480),
    }
    pq.write_table(pa.table(outcomes), folder / "outcomes.parquet")
    models = {"model_id": list("abcd"), "release_date": [f"2024-01-0{day}" for day in range(1, 5)]}
    pq.write_table(pa.table(models), folder / "models.parquet")
    path = tmp_path / "plan.yaml"
    path.write_text(PLAN.format(folder=tmp_path))
    return path


def test_a_plan_becomes_a_report(plan: Path, python: Command) -> None:
    done = python("-m", "jobs.assess", str(plan))
    assert done.returncode == 0, done.stderr
    report = plan.parent / "report"
    assert done.stdout.splitlines()[-1] == f"report: {report}"
    assert "seen, best single: accuracy" in done.stdout
    page = (report / "report.md").read_text()
    for title in ("## seen", "## random", "## Replay: days", "## Coverage: covered"):
        assert title in page
    found = json.loads((report / "report.json").read_text())
    assert [run["zoo"] for run in found["settings"]["seen"]["runs"]] == [["a", "b"]] * 2
    assert [step["newest"] for step in found["replays"]["days"]["steps"]] == ["c", "d"]


def test_a_mistake_is_one_line(plan: Path, python: Command) -> None:
    done = python("-m", "jobs.assess", str(plan), "zoos.pair=[a]")
    assert done.returncode == 2
    assert done.stdout == ""
    rule = "zoo 'pair' has 1 candidates; at least 2 are needed"
    assert done.stderr == f"error: {plan}: key '(whole file)': {rule}\n"


@pytest.mark.parametrize(
    ("override", "part"),
    [
        ("zoos.pair=[a, z]", "no candidate 'z'; there are: a, b, c, d"),
        ("sources.ours.tasks=src", "no column 'src' to take tasks from"),
        ("sources.ours.folder=absent", "absent/outcomes.parquet: no such file"),
        ("exam.shots=50", "no task has 50 questions"),
        ("split={train: 0.998, validation: 0.001, test: 0.001}", "part is empty"),
        ("output=.", "is there, but no report"),
        ("methods=[guess]", "no baseline is called 'guess'"),
    ],
)
def test_mistakes_in_what_is_there_leave_no_report(plan: Path, override: str, part: str) -> None:
    with pytest.raises(UserError) as caught:
        run(load(Plan, plan, [override]))
    message = str(caught.value)
    assert part in message
    assert "\n" not in message
    assert not (plan.parent / "report").exists()


@pytest.mark.parametrize(
    ("override", "part"),
    [
        ("coverages=[{name: c, source: ours, zoo: pair, reference: z}]", "no candidate 'z'"),
        ("replays=[{name: r, source: ours, start: '2023-01-01'}]", "before and since 2023-01-01"),
        ("undated", "no release_date of candidate 'd'"),
    ],
)
def test_what_takes_seconds_is_told_before_anything_is_tuned(
    plan: Path, override: str, part: str
) -> None:
    overrides = ["methods=[best-aptitude]", override]
    if override == "undated":
        models = plan.parent / "ours" / "models.parquet"
        pq.write_table(pq.read_table(models).slice(0, 3), models)
        overrides.pop()
    # Nothing could be tuned: no task is large enough for an aptitude test.
    with pytest.raises(UserError, match=part):
        run(load(Plan, plan, [*overrides, "exam.shots=50"]))
