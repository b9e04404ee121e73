"""The bootstrap against what theory says of a mean."""

import numpy as np
import pytest

from actors.assessor.bootstrap import difference, divide, estimate, mean_defined, question_weights


def test_weights_draw_as_many_questions_as_there_are() -> None:
    weights = question_weights(50, 200)
    assert weights.shape == (201, 50)
    assert (weights[0] == 1).all()
    assert (weights.sum(axis=1) == 50).all()
    assert len(np.unique(weights[1:], axis=0)) == 200
    np.testing.assert_array_equal(weights, question_weights(50, 200))


def test_an_interval_is_that_of_a_mean() -> None:
    values = np.random.default_rng(0).random(400)
    found = estimate(question_weights(400, 2000) @ values / 400)
    error = values.std() / 20
    assert found.value == pytest.approx(values.mean())
    assert found.low == pytest.approx(values.mean() - 1.96 * error, abs=0.2 * error)
    assert found.high == pytest.approx(values.mean() + 1.96 * error, abs=0.2 * error)


@pytest.mark.parametrize(("shift", "low", "high"), [(0.0, 0.2, 1.0), (0.2, 0.0, 0.01)])
def test_p_says_whether_a_difference_is_more_than_chance(
    shift: float, low: float, high: float
) -> None:
    noise = np.random.default_rng(0).normal(size=400)
    values = noise - noise.mean() + 0.02 + shift
    assert low <= difference(question_weights(400, 2000) @ values / 400).p <= high


def test_no_difference_has_p_one() -> None:
    assert difference(np.zeros(101)).p == 1


def test_what_is_not_defined_is_left_out_of_means() -> None:
    several = [{"auc": np.array([0.5, np.nan])}, {"auc": np.array([0.7, np.nan])}]
    np.testing.assert_allclose(mean_defined(several)["auc"], [0.6, np.nan])
    several[1]["auc"][0] = np.nan
    np.testing.assert_allclose(mean_defined(several)["auc"], [0.5, np.nan])
    np.testing.assert_allclose(divide(np.ones(2), np.array([2.0, 0.0])), [0.5, np.nan])
