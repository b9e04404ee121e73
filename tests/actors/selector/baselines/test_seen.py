from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from actors.examiner.card import CapabilityCard
from actors.examiner.outcomes import OutcomeMatrix
from actors.selector.baselines.registry import Context, make_baseline
from actors.selector.baselines.seen import Floats, PredictFeatures, group_means, without_gaps
from cluster.errors import TableError

GAPS = np.array([[1, np.nan, 0, 1], [0, 0.5, 1, 1], [1, np.nan, 1, 0]], np.float32)


@pytest.mark.parametrize("name", ["best-single", "knn"])
def test_a_new_candidate_and_those_learned_are_named(
    name: str,
    past: OutcomeMatrix,
    cards: list[CapabilityCard],
    context: Context,
    make_card: Callable[..., CapabilityCard],
) -> None:
    scorer = make_baseline(name, context).fit(past, cards)
    with pytest.raises(TableError, match=r"'new' has no outcomes.*it learned: a, b, c, d"):
        scorer.scores(["Why?"], [*cards, make_card("new", [0.5])])


def test_a_candidate_that_was_asked_nothing_is_named(
    past: OutcomeMatrix, cards: list[CapabilityCard], context: Context
) -> None:
    scores_NM = past.scores_NM.copy()
    scores_NM[:, 2] = np.nan
    with pytest.raises(TableError, match="'c' was asked no question"):
        make_baseline("logistic", context).fit(replace(past, scores_NM=scores_NM), cards)


def test_some_candidates_score_as_among_all(
    past: OutcomeMatrix, cards: list[CapabilityCard], context: Context
) -> None:
    scorer = make_baseline("knn", context).fit(past, cards)
    texts = context.asked.texts
    assert np.array_equal(
        scorer.scores(texts, [cards[3], cards[1]]), scorer.scores(texts, cards)[:, [3, 1]]
    )


def test_means_of_a_group_leave_gaps_out() -> None:
    means = group_means(["x", "y", "x"], GAPS)
    np.testing.assert_allclose(means["x"], [1, 0.5, 0.5, 0.5])  # b's overall mean for its gap
    np.testing.assert_allclose(means["y"], [0, 0.5, 1, 1])


def test_candidates_asked_the_same_are_learned_together_from_it_alone() -> None:
    learned: list[Floats] = []

    def mean(features_NE: Floats, scores_NM: Floats) -> PredictFeatures:
        learned.append(scores_NM)
        return lambda features: np.array([scores_NM.mean(axis=0)] * len(features))

    predict = without_gaps(mean)(np.zeros((3, 2)), GAPS)
    assert sorted(scores.shape for scores in learned) == [(1,), (3, 3)]
    np.testing.assert_allclose(predict(np.zeros((2, 2))), [np.nanmean(GAPS, axis=0)] * 2)


def test_partial_scores_teach_as_shares_of_right_answers(
    past: OutcomeMatrix, cards: list[CapabilityCard], context: Context
) -> None:
    halves = replace(past, scores_NM=np.full_like(past.scores_NM, 0.5))
    for name in ("logistic", "factorisation", "knn"):
        scores_NM = make_baseline(name, context).fit(halves, cards).scores(["Why?"], cards)
        np.testing.assert_allclose(scores_NM, 0.5, atol=0.02)
