"""Every method of a plan learns and scores through the one place that makes them."""

from collections.abc import Callable

import numpy as np
import pytest

from actors.assessor.methods import methods
from actors.assessor.plan import Plan
from actors.examiner.outcomes import OutcomeMatrix, cards_from_outcomes
from cluster.errors import SettingsError
from cluster.settings import SelectorSettings

TUNING = {
    "loss": "anchored",
    "groups_per_epoch": 4,
    "stage1": {"epochs": 1, "lr": 1e-2},
    "stage2": {"epochs": 1, "lr": 1e-3},
}


@pytest.fixture
def plan(tiny_sources: Callable[..., SelectorSettings], make_plan: Callable[..., Plan]) -> Plan:
    selector = tiny_sources()
    return make_plan(
        encoder=selector.encoder,
        item_response={"encoder": selector.encoder, "layers": [1, 2]},
        model_sat={"selector": selector.model_dump(), "tuning": TUNING},
        variants={
            "words": {"selector": {"capability": "words"}, "tuning": {"stage1": {"epochs": 0}}},
            "wrong": {"tuning": {"loss": "none"}},
        },
    )


@pytest.mark.parametrize(
    ("name", "seen_only"),
    [
        ("item-response", False),
        ("model-sat", False),
        ("model-sat words", False),
        ("best-aptitude", False),
        ("knn", True),
    ],
)
def test_a_method_learns_and_scores(
    plan: Plan, matrix: OutcomeMatrix, name: str, seen_only: bool
) -> None:
    outcomes = matrix.questions(range(0, 200, 5))
    cards = cards_from_outcomes(outcomes, "test")
    method = methods(plan)(name, matrix, 0)
    assert method.seen_only == seen_only
    scorer = method.learner.fit(outcomes, cards)
    scores_NM = scorer.scores(matrix.texts[:7], cards)
    assert scores_NM.shape == (7, len(cards))
    assert ((scores_NM >= 0) & (scores_NM <= 1)).all()
    assert np.unique(scores_NM).size > 1


def test_an_unknown_method_is_named(plan: Plan, matrix: OutcomeMatrix) -> None:
    with pytest.raises(SettingsError, match=r"'guess'; there are: .*knn"):
        methods(plan)("guess", matrix, 0)


def test_a_variant_differs_in_its_keys_only(plan: Plan) -> None:
    selector, tuning = plan.model_sat_settings()
    other, others_tuning = plan.model_sat_settings("words")
    assert other == selector.model_copy(update={"capability": "words"})
    stage1 = tuning.stage1.model_copy(update={"epochs": 0})
    assert others_tuning == tuning.model_copy(update={"stage1": stage1})


def test_a_variant_that_is_not_there_or_wrong_is_named(plan: Plan, matrix: OutcomeMatrix) -> None:
    with pytest.raises(SettingsError, match=r"'model-sat more'.* there are: words, wrong"):
        methods(plan)("model-sat more", matrix, 0)
    with pytest.raises(SettingsError, match=r"key 'variants.wrong': key 'tuning.loss'"):
        methods(plan)("model-sat wrong", matrix, 0)


def test_model_sat_needs_its_settings(
    make_plan: Callable[..., Plan], matrix: OutcomeMatrix
) -> None:
    with pytest.raises(SettingsError, match="needs the key 'model_sat' of the plan"):
        methods(make_plan())("model-sat", matrix, 0)
