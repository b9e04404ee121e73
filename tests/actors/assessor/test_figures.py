"""Figures of a setting: references, means over data sets, paired differences."""

from collections.abc import Callable

import numpy as np
import pytest

from actors.assessor.assessment import Run, assess
from actors.assessor.figures import MEAN, MethodFigures, setting_figures
from actors.assessor.methods import MakeMethod
from actors.assessor.plan import BEST_SINGLE, ORACLE, RANDOM, Plan
from actors.examiner.outcomes import OutcomeMatrix

MakePlan = Callable[..., Plan]


@pytest.fixture
def runs(make_plan: MakePlan, matrix: OutcomeMatrix, by_task: MakeMethod) -> list[Run]:
    settings = [{"name": "s", "tune": "source", "zoo": "three"}]
    plan = make_plan(methods=["by-task", "knn"], settings=settings)
    return assess(plan, {"source": matrix}, by_task)["s"]


def figures(runs: list[Run], compare: str | None = None) -> dict[str, MethodFigures]:
    return {found.method: found for found in setting_figures(runs, 300, compare)}


def test_references_by_hand(runs: list[Run]) -> None:
    found = figures(runs)

    def mean(of_run: Callable[[Run], np.ndarray]) -> float:
        """Over data sets, then over runs."""
        per_run = []
        for run in runs:
            datasets = np.array(run.measured.datasets)
            per_run.append(np.mean([of_run(run)[datasets == d].mean() for d in set(datasets)]))
        return float(np.mean(per_run))

    expected = {
        RANDOM: mean(lambda run: run.measured.scores_NM.mean(axis=1)),
        ORACLE: mean(lambda run: run.measured.scores_NM.max(axis=1)),
        BEST_SINGLE: mean(lambda run: run.measured.scores_NM[:, run.case.zoo.index(run.best)]),
    }
    for method, accuracy in expected.items():
        estimate = found[method].figures[MEAN]["accuracy"]
        assert estimate.value == pytest.approx(accuracy)
        assert estimate.low < accuracy < estimate.high
    assert found[ORACLE].figures[MEAN]["gap_share"].value == pytest.approx(1)
    assert found[BEST_SINGLE].gain.p == 1
    assert np.isnan(found[RANDOM].figures[MEAN]["auc"].value)


def test_a_method_that_knows_better_gains(runs: list[Run]) -> None:
    found = figures(runs)["by-task"]
    assert found.gain.value > 0.1
    assert found.gain.low > 0
    assert found.gain.p < 0.05
    assert 0 < found.figures[MEAN]["gap_share"].value < 1
    assert found.figures[MEAN]["auc"].low > 0.5
    assert set(found.figures) == {"numbers", "words", MEAN}
    assert sum(found.chosen.values()) == pytest.approx(1)
    assert [run.seed for run in found.runs] == [0, 1]
    assert np.mean([run.figures["gain"] for run in found.runs]) == pytest.approx(found.gain.value)


def test_differences_are_paired(runs: list[Run]) -> None:
    found = figures(runs, compare="knn")
    same = found["by-task"].versus  # both learn the same here
    assert same is not None
    assert (same.value, same.low, same.high, same.p) == (0, 0, 0, 1)
    oracle = found[ORACLE].versus
    assert oracle is not None
    assert oracle.low > 0
    assert found["knn"].versus is None
    assert figures(runs, compare="absent")["knn"].versus is None


def test_questions_of_several_seeds_are_drawn_together(runs: list[Run]) -> None:
    once, twice = figures([runs[0]])["by-task"], figures([runs[0], runs[0]])["by-task"]
    assert once.gain == twice.gain
    assert once.figures[MEAN]["auc"] == twice.figures[MEAN]["auc"]


def test_methods_that_could_not_choose_in_every_run_are_not_compared(
    make_plan: MakePlan, matrix: OutcomeMatrix, by_task: MakeMethod
) -> None:
    settings = [{"name": "s", "tune": "source", "zoo": "three", "unseen": True}]
    plan = make_plan(methods=["by-task", "knn"], settings=settings)
    found = figures(assess(plan, {"source": matrix}, by_task)["s"], compare="knn")
    assert set(found) == {RANDOM, BEST_SINGLE, ORACLE, "by-task"}
    assert found["by-task"].gain.low > 0
    assert found["by-task"].onboarding is None


def test_what_it_is_worth_that_a_candidate_joins(
    make_plan: MakePlan, matrix: OutcomeMatrix, by_task: MakeMethod
) -> None:
    settings = [{"name": "s", "tune": "source", "zoo": "three", "leave_one_out": True}]
    plan = make_plan(methods=["by-task", "knn"], settings=settings)
    found = figures(assess(plan, {"source": matrix}, by_task)["s"])
    joined, stayed = found["by-task"].onboarding, found["knn"].onboarding
    assert joined is not None
    assert joined.low > 0
    assert stayed is not None
    assert stayed.value == 0
