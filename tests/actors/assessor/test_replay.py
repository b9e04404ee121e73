"""The release replay: who is there when, and what was tuned on."""

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from actors.assessor.assessment import Assessment
from actors.assessor.figures import MEAN
from actors.assessor.methods import MakeMethod
from actors.assessor.parts import read_source
from actors.assessor.plan import Plan
from actors.assessor.replay import dated, release_dates, releases, replay_releases
from actors.examiner.outcomes import OutcomeMatrix
from cluster.errors import TableError

MakePlan = Callable[..., Plan]
WriteSource = Callable[..., Path]


def replays(start: str, best: int = 2) -> list[dict[str, object]]:
    return [{"name": "r", "source": "source", "start": start, "best": best}]


def test_the_zoo_is_the_best_so_far_and_the_newest(
    make_plan: MakePlan, write_source: WriteSource, matrix: OutcomeMatrix, by_task: MakeMethod
) -> None:
    plan = make_plan(replays=replays("2024-01-04"))
    dates = release_dates(str(write_source()), matrix.candidates)
    assert list(dates) == ["adder", "lawyer", "linguist", "allround", "weak", "strong"]
    assessment = Assessment(plan, {"source": matrix}, by_task, 0)
    steps = releases(assessment, plan.replays[0], dates)
    assert list(steps) == ["allround", "weak", "strong"]
    for newest, case in steps.items():
        assert case.zoo[-1] == newest
        assert len(case.zoo) == 3
        assert set(case.tuned) == {"adder", "lawyer", "linguist"}
    assert "allround" in steps["strong"].zoo
    assert "weak" not in steps["strong"].zoo


def test_a_replay_tells_every_step_and_the_whole(
    make_plan: MakePlan, write_source: WriteSource, by_task: MakeMethod
) -> None:
    write_source()
    plan = make_plan(replays=replays("2024-01-04"), methods=["by-task", "knn"])
    source = read_source(plan.sources["source"])
    found = replay_releases(plan, plan.replays[0], source, by_task)
    assert [step.newest for step in found.steps] == ["allround", "weak", "strong"]
    accuracies = {
        each.method: each.figures[MEAN]["accuracy"].value for each in found.steps[0].figures
    }
    assert accuracies["best single"] < accuracies["by-task"] < accuracies["oracle"]
    assert "knn" in accuracies  # two of the three were tuned on
    assert "by-task" in {each.method for each in found.overall}


@pytest.mark.parametrize(
    ("models", "message"),
    [
        ({"model_id": ["adder"]}, "no column 'release_date'; found: model_id"),
        (
            {"model_id": ["adder", "weak"], "release_date": ["2024-01-01", None]},
            r"no release_date of candidate 'allround' \(5 in all\)",
        ),
        (
            {"model_id": ["adder"], "release_date": ["May"]},
            "release_date must be YYYY-MM-DD",
        ),
    ],
)
def test_dates_that_are_missing(
    write_source: WriteSource,
    matrix: OutcomeMatrix,
    models: dict[str, list[str | None]],
    message: str,
) -> None:
    folder = str(write_source(models=pa.table(models)))
    candidates = ["adder"] if "May" in models.get("release_date", []) else matrix.candidates
    with pytest.raises(TableError, match=message):
        release_dates(folder, candidates)


@pytest.mark.parametrize("start", ["2024-01-01", "2025-01-01"])
def test_models_are_needed_on_both_sides_of_the_start(
    make_plan: MakePlan,
    write_source: WriteSource,
    matrix: OutcomeMatrix,
    start: str,
) -> None:
    write_source()
    plan = make_plan(replays=replays(start))
    with pytest.raises(TableError, match="from 2024-01-01 to 2024-01-06"):
        dated(plan, plan.replays[0], matrix)
