"""Where instructions go and what that costs, by hand."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from actors.assessor.assessment import Run, assess
from actors.assessor.costs import costs
from actors.assessor.destinations import LONGEST, clipped, destinations
from actors.assessor.methods import MakeMethod
from actors.assessor.plan import Plan
from actors.examiner.outcomes import OutcomeMatrix

MakePlan = Callable[..., Plan]
SETTINGS = [{"name": "s", "tune": "source", "zoo": "three"}]


@pytest.fixture
def run(make_plan: MakePlan, matrix: OutcomeMatrix, by_task: MakeMethod) -> Run:
    """Four questions: two for the adder, one shared by lawyer and linguist, one for the lawyer."""
    plan = make_plan(methods=["m"], settings=SETTINGS, seeds=[0])
    found = assess(plan, {"source": matrix}, by_task)["s"][0]
    measured = replace(
        found.measured.questions(range(4)),
        categories=["sums", "roots", "verbs", "torts"],
        scores_NM=np.array([[1, 0, 0], [0, 1, 1], [0, 1, 0], [0, 1, 0]], np.float32),
    )
    scores = np.array([[0.9, 0.1, 0.1], [0.5, 0.4, 0.1], [0, 0.6, 0.6], [0, 0.6, 0.5]], np.float32)
    return replace(found, measured=measured, scores={"m": scores})


def test_who_gets_what(run: Run) -> None:
    adder, lawyer, linguist = destinations([run, run], "m")
    assert [each.candidate for each in (adder, lawyer, linguist)] == list(run.case.zoo)
    assert (adder.share, lawyer.share, linguist.share) == (0.5, 0.375, 0.125)
    assert (adder.right, lawyer.right, linguist.right) == (0.5, 1, 0)
    assert dict(lawyer.categories) == pytest.approx({"torts": 2 / 3, "verbs": 1 / 3})
    assert [(each.category, each.right) for each in adder.examples] == [
        ("sums", True),
        ("roots", False),
    ]
    assert [each.category for each in lawyer.examples] == ["torts"]
    assert linguist.examples == []  # it never led alone


def test_long_instructions_are_clipped() -> None:
    assert clipped("two\nlines ") == "two lines"
    assert len(clipped("word " * 500)) <= LONGEST


def test_costs_by_hand(run: Run, make_plan: MakePlan) -> None:
    prices = {"adder": 3.0, "lawyer": 1.0, "linguist": 2.0}
    policy = {"kind": "cheapest-above", "threshold": 0.4}
    plan = make_plan(methods=["m"], settings=SETTINGS, prices=prices, policy=policy)
    found = costs(plan, [run, run])
    assert found is not None
    # The adder, then three times the lawyer; in question 2 both reach the threshold.
    assert (found.chosen["m"].price, found.chosen["m"].quality) == (1.5, 1.0)
    at_policy = [point for point in found.curves["m"] if point.threshold == 0.4]
    assert [(point.price, point.quality) for point in at_policy] == [(1.5, 1.0)]
    assert (found.singles["lawyer"].price, found.singles["lawyer"].quality) == (1.0, 0.75)
    best = costs(plan.model_copy(update={"policy": Plan.model_fields["policy"].default}), [run])
    assert best is not None
    assert best.chosen["m"].quality == 0.75
    del prices["adder"]
    assert costs(plan.model_copy(update={"prices": prices}), [run]) is None


def test_costs_do_not_hang_on_the_order_of_the_zoo(run: Run, make_plan: MakePlan) -> None:
    """Of candidates with equal scores and prices the first by id is chosen, as the policy does."""
    prices = dict.fromkeys(run.case.zoo, 1.0)
    policy = {"kind": "cheapest-above", "threshold": 0.0}
    plan = make_plan(methods=["m"], settings=SETTINGS, prices=prices, policy=policy)
    even = replace(run, scores={"m": np.full((4, 3), 0.5, np.float32)})
    zoo = ("lawyer", "linguist", "adder")
    turned = replace(even, case=replace(run.case, zoo=zoo), measured=even.measured.of(zoo))
    found, again = costs(plan, [even]), costs(plan, [turned])
    assert found is not None
    assert again is not None
    assert again.curves == found.curves
    assert again.curves["m"][0].quality == again.chosen["m"].quality
