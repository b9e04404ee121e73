import numpy as np
import pytest
from scipy.special import expit

from actors.tuner.calibration import BINS, bins_of, calibration_error, fit_calibration


def test_the_fit_finds_slope_and_bias() -> None:
    random = np.random.default_rng(0)
    log_odds_N = random.normal(0, 3, 20_000)
    right_N = random.random(20_000) < expit(0.5 * log_odds_N - 1)
    found = fit_calibration(log_odds_N.tolist(), right_N.tolist())
    assert found is not None
    assert found.slope == pytest.approx(0.5, abs=0.03)
    assert found.bias == pytest.approx(-1, abs=0.06)
    raw = calibration_error(expit(log_odds_N), right_N.tolist())
    assert raw > 0.1
    assert calibration_error(found.probabilities(log_odds_N), right_N.tolist()) < 0.02


def test_log_odds_that_tell_nothing_turn_no_choice_round() -> None:
    log_odds_N = np.array([-9.0, -8.0, -7.0, -8.5])
    right = [True, False, False, False]
    found = fit_calibration(log_odds_N.tolist(), right)
    assert found is not None
    assert found.slope == 1
    assert found.probabilities(log_odds_N).mean() == pytest.approx(0.25)
    alike = fit_calibration([-8.0] * 4, right)
    assert alike is not None
    assert alike.slope > 0
    assert alike.probabilities(np.array([-8.0])) == pytest.approx(0.25)


def test_outcomes_that_are_all_alike_cannot_be_fitted() -> None:
    assert fit_calibration([1.0, 2.0], [True, True]) is None


def test_calibration_error_by_hand() -> None:
    # Equal ones share a bin: two at 0.9 of which one is right, one at 0.2 that is wrong, one at 1.
    probabilities_N = np.array([0.9, 0.9, 0.2, 1.0])
    found = calibration_error(probabilities_N, [True, False, False, True])
    assert found == pytest.approx((abs(1.8 - 1) + 0.2 + 0) / 4)


def test_bins_are_of_equal_mass() -> None:
    probabilities_N = np.linspace(0, 1, 150) ** 3  # most are low
    found = np.bincount(bins_of(probabilities_N))
    assert found.tolist() == [10] * BINS
