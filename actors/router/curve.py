"""What a threshold buys: quality and price of policy ``cheapest-above`` on past outcomes.

Nothing is fitted here: the operator reads a threshold off the curve. Questions should be others
than those the selector was tuned on, or the curve flatters it.

Legend: N questions, M candidates in the order of their ids.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Point:
    """Where a threshold leads, on average over the questions."""

    threshold: float
    quality: float  # outcome of the chosen candidate, in [0, 1]
    price: float  # of the chosen candidate, in the unit of the prices given


def quality_cost_curve(
    scores_NM: NDArray[np.floating],
    outcomes_NM: NDArray[np.floating],
    price_M: NDArray[np.floating],
    thresholds: Sequence[float],
) -> list[Point]:
    """One point for each of ``thresholds``, in their order.

    Args:
        scores_NM: P('Yes'), shape (N, M).
        outcomes_NM: how the candidates did, in [0, 1], shape (N, M).
        price_M: one figure a candidate, shape (M,).
        thresholds: as in ``CheapestAbovePolicy``.
    """
    assert scores_NM.shape == outcomes_NM.shape == (len(scores_NM), len(price_M))
    points = []
    for threshold in thresholds:
        chosen_N = _cheapest_above(scores_NM, price_M, threshold)
        quality_N = np.take_along_axis(outcomes_NM, chosen_N[:, None], axis=1)
        points.append(Point(threshold, float(quality_N.mean()), float(price_M[chosen_N].mean())))
    return points


def _cheapest_above(
    scores_NM: NDArray[np.floating], price_M: NDArray[np.floating], threshold: float
) -> NDArray[np.intp]:
    """``policy.cheapest_above`` for many questions at once: columns chosen, shape (N,)."""
    # Where no score reaches the threshold, all cost the same and the best score wins.
    cost_NM = np.where(scores_NM >= threshold, price_M, np.inf)
    chosen_NM: NDArray[np.intp] = np.lexsort((-scores_NM, cost_NM), axis=-1)
    return chosen_NM[:, 0]
