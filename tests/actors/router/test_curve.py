"""The curve of quality and price over thresholds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from actors.router.curve import quality_cost_curve
from actors.router.policy import cheapest_above

COARSE = st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0])
PRICE_M = np.array([1.0, 10.0])


def test_a_threshold_buys_quality() -> None:
    # The cheap candidate is right where its score is high, the dear one everywhere.
    scores_NM = np.array([[0.9, 0.95], [0.6, 0.95], [0.3, 0.95], [0.1, 0.95]])
    outcomes_NM = np.array([[1.0, 1.0], [1.0, 1.0], [0.0, 1.0], [0.0, 1.0]])
    curve = quality_cost_curve(scores_NM, outcomes_NM, PRICE_M, [0.0, 0.2, 0.5, 0.8, 0.96])
    assert [point.threshold for point in curve] == [0.0, 0.2, 0.5, 0.8, 0.96]
    assert [point.quality for point in curve] == [0.5, 0.75, 1.0, 1.0, 1.0]
    assert [point.price for point in curve] == [1.0, 3.25, 5.5, 7.75, 10.0]


@given(
    arrays(np.float64, (5, 4), elements=COARSE), arrays(np.float64, (4,), elements=COARSE), COARSE
)
def test_the_curve_follows_the_policy(
    scores_NM: np.ndarray, price_M: np.ndarray, threshold: float
) -> None:
    ids = ["a", "b", "c", "d"]
    outcomes_NM = np.arange(20.0).reshape(5, 4)
    prices = dict(zip(ids, price_M.tolist(), strict=True))
    chosen = [
        ids.index(cheapest_above(dict(zip(ids, row, strict=True)), prices, threshold))
        for row in scores_NM.tolist()
    ]
    (point,) = quality_cost_curve(scores_NM, outcomes_NM, price_M, [threshold])
    assert point.quality == outcomes_NM[range(5), chosen].mean()
    assert point.price == pytest.approx(price_M[chosen].mean())
