"""Measures against what they mean, computed the slow way."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from actors.assessor.measures import (
    Floats,
    auc_slopes,
    choice,
    judge,
    reliability,
    weighted,
)
from actors.tuner.calibration import BINS

ALIKE = np.full((1, 60), 1 / 60)


_RNG = np.random.default_rng(0)
OUTCOMES_NM = (_RNG.random((60, 4)) < [0.2, 0.4, 0.6, 0.8]).astype(np.float32)
SCORES_NM = np.round(0.3 * OUTCOMES_NM + 0.7 * _RNG.random((60, 4)), 1)  # with ties
ALL = np.ones(4, bool)


def figures(outcomes_NM: Floats, scores_NM: Floats, best: int = 3) -> dict[str, float]:
    found = weighted(judge(outcomes_NM, scores_NM, best, ALL), ALIKE)
    return {name: float(values[0]) for name, values in found.items()}


def test_equal_scores_share_a_choice() -> None:
    scores = np.array([[0.2, 0.7, 0.7], [0.9, 0.1, 0.3], [0.5, 0.5, 0.5]])
    expected = np.array([[0, 0.5, 0.5], [1, 0, 0], [1 / 3, 1 / 3, 1 / 3]])
    assert choice(scores) == pytest.approx(expected)


def test_the_order_of_candidates_means_nothing() -> None:
    order = [2, 0, 3, 1]
    turned = figures(OUTCOMES_NM[:, order], SCORES_NM[:, order], best=order.index(3))
    straight = figures(OUTCOMES_NM, SCORES_NM)
    assert turned == pytest.approx(straight, nan_ok=True)


def test_figures_of_a_sample_by_hand() -> None:
    found = figures(OUTCOMES_NM, SCORES_NM)
    chosen = [
        np.mean([outcomes[m] for m in range(4) if scores[m] == scores.max()])
        for outcomes, scores in zip(OUTCOMES_NM, SCORES_NM, strict=True)
    ]
    assert found["accuracy"] == pytest.approx(np.mean(chosen))
    assert found["best_single"] == pytest.approx(OUTCOMES_NM[:, 3].mean())
    assert found["oracle"] == pytest.approx(OUTCOMES_NM.max(axis=1).mean())
    own = [roc_auc_score(OUTCOMES_NM[:, m], SCORES_NM[:, m]) for m in range(4)]
    assert found["auc"] == pytest.approx(np.mean(own))
    assert found["auc_pooled"] == pytest.approx(
        roc_auc_score(OUTCOMES_NM.ravel(), SCORES_NM.ravel())
    )
    bins = reliability(OUTCOMES_NM.ravel(), SCORES_NM.ravel())
    ece = sum(each.pairs * abs(each.score - each.right) for each in bins) / OUTCOMES_NM.size
    assert found["ece"] == pytest.approx(ece)


def test_a_weight_counts_like_a_copy() -> None:
    counts = np.random.default_rng(2).integers(0, 3, 60)
    copied = np.repeat(np.arange(60), counts)
    judged = judge(OUTCOMES_NM, SCORES_NM, 3, ALL)
    drawn = weighted(judged, (counts / counts.sum())[None])
    again = weighted(
        judge(OUTCOMES_NM[copied], SCORES_NM[copied], 3, ALL),
        np.full((1, len(copied)), 1 / len(copied)),
    )
    for name in ("accuracy", "score", "best_single", "oracle"):
        assert drawn[name][0] == pytest.approx(again[name][0])
    for name in ("auc", "auc_pooled"):  # linearised
        assert drawn[name][0] == pytest.approx(again[name][0], abs=0.01)


def test_slopes_are_those_of_the_auc() -> None:
    right, scores = OUTCOMES_NM[:, 1], SCORES_NM[:, 1]
    slopes = auc_slopes(right, scores)
    assert slopes.sum() == pytest.approx(0)
    for n in (0, 7, 31):
        weights = np.ones(60)
        weights[n] += 1e-4
        moved = roc_auc_score(right, scores, sample_weight=weights) - roc_auc_score(right, scores)
        assert slopes[n] == pytest.approx(moved / 1e-4, rel=1e-2, abs=1e-9)


def test_candidates_that_cannot_be_scored_are_never_chosen() -> None:
    seen_M = np.array([True, True, True, False])
    hidden_NM = SCORES_NM.copy()
    hidden_NM[:, 3] = -np.inf
    hidden = weighted(judge(OUTCOMES_NM, hidden_NM, 2, seen_M), ALIKE)
    three = judge(OUTCOMES_NM[:, :3], SCORES_NM[:, :3], 2, np.ones(3, bool))
    alone = weighted(three, ALIKE)
    for name in ("accuracy", "auc", "auc_pooled", "ece"):
        assert hidden[name][0] == pytest.approx(alone[name][0])
    assert hidden["onboarding"][0] == 0
    assert np.isnan(alone["onboarding"][0])
    joined = weighted(judge(OUTCOMES_NM, SCORES_NM, 2, seen_M), ALIKE)
    difference = joined["accuracy"][0] - alone["accuracy"][0]
    assert joined["onboarding"][0] == pytest.approx(difference)


def test_half_a_score_is_right() -> None:
    found = weighted(
        judge(np.array([[0.5, 0.1], [0.4, 0.3]]), np.array([[1.0, 0.0]] * 2), 0, ALL[:2]),
        np.full((1, 2), 0.5),
    )
    assert found["accuracy"][0] == 0.5
    assert found["score"][0] == pytest.approx(0.45)


def test_an_auc_without_wrong_outcomes_is_not_defined() -> None:
    found = weighted(judge(np.ones((3, 2)), np.eye(3, 2), 0, ALL[:2]), np.full((1, 3), 1 / 3))
    assert np.isnan(found["auc"][0])
    assert np.isnan(found["auc_pooled"][0])


def test_calibrated_scores_have_no_calibration_error() -> None:
    rng = np.random.default_rng(0)
    scores = rng.random((20_000, 1))
    outcomes = (rng.random(scores.shape) < scores).astype(float)
    alike = np.full((1, len(scores)), 1 / len(scores))
    one = np.ones(1, bool)
    assert weighted(judge(outcomes, scores, 0, one), alike)["ece"][0] < 0.02
    assert weighted(judge(outcomes, 1 - scores, 0, one), alike)["ece"][0] > 0.4
    bins = reliability(outcomes.ravel(), scores.ravel())
    assert len(bins) == BINS
    assert {each.pairs for each in bins} <= {1333, 1334}
