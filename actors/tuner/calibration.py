"""Calibration: from a selector's log-odds to frequencies, and how far off they are.

Platt scaling: Pr(right) = sigmoid(slope * log-odds + bias), slope and bias fitted to outcomes that
were not trained on. The slope is positive, so that it changes no choice among candidates.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import bisect
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

BINS = 15


class Calibration(NamedTuple):
    """Slope (the inverse of a temperature) and bias of Platt scaling."""

    slope: float
    bias: float

    def probabilities(self, log_odds_N: NDArray[np.float64]) -> NDArray[np.float64]:
        """The chance that each outcome is right, ``[N]``."""
        found: NDArray[np.float64] = expit(self.slope * log_odds_N + self.bias)
        return found


def fit_calibration(log_odds: Sequence[float], right: Sequence[bool]) -> Calibration | None:
    """The maximum-likelihood fit; None where all outcomes are right or none is.

    Where the best slope is not positive, log-odds say nothing of these outcomes, and it would turn
    choices round. Then the slope is 1, and the bias makes scores as high as outcomes on average.
    """
    if len(set(right)) < 2:
        return None
    log_odds_N = np.asarray(log_odds, np.float64)
    fit = LogisticRegression(C=np.inf).fit(log_odds_N[:, None], right)
    slope, bias = float(fit.coef_[0, 0]), float(fit.intercept_[0])
    if slope > 0:
        return Calibration(slope, bias)
    share = float(np.mean(right))
    bounds = logit(share) - log_odds_N.max() - 1, logit(share) - log_odds_N.min() + 1
    alone = bisect(lambda bias: expit(log_odds_N + bias).mean() - share, *bounds)
    return Calibration(1.0, float(alone))


def calibration_error(probabilities_N: NDArray[np.floating], right: Sequence[bool]) -> float:
    """ECE: how far the mean probability is from the share of right ones, over ``bins_of``.

    Bins count by the outcomes in them (Guo et al. 2017, eq. 5). NaN where there are none.
    """
    if not len(right):
        return math.nan
    gaps_N = probabilities_N - np.asarray(right, np.float64)
    return float(np.abs(np.bincount(bins_of(probabilities_N), gaps_N)).sum() / len(gaps_N))


def bins_of(probabilities_N: NDArray[np.floating]) -> NDArray[np.int64]:
    """Which of ``BINS`` bins of equal mass each probability is in; equal ones share a bin."""
    edges = np.quantile(probabilities_N, np.arange(1, BINS) / BINS)
    return np.searchsorted(edges, probabilities_N, side="right")
