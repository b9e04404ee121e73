"""The bootstrap over questions: draws, intervals, and p of paired differences.

A figure is kept with its value in every draw: ``[1 + B]``, where row 0 is the figure itself, of
the questions as they are. Intervals are the 2.5th and 97.5th percentile. p is two-sided: twice the
share of draws on the other side of 0.

Shapes: U questions, B draws.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from actors.assessor.measures import Floats

Drawn = dict[str, Floats]  # a figure's name -> its value and draws [1 + B]


@dataclass(frozen=True)
class Estimate:
    """A figure and its 95% interval; NaN where it is not defined."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Difference(Estimate):
    """A difference of two figures, paired by question."""

    p: float


def question_weights(questions: int, draws: int, seed: int = 0) -> NDArray[np.float32]:
    """How often each question was drawn, ``[1 + draws, U]``; row 0 holds each question once."""
    rng = np.random.default_rng(seed)
    weights = np.ones((1 + draws, questions), np.float32)
    for row in weights[1:]:
        row[:] = np.bincount(rng.integers(questions, size=questions), minlength=questions)
    return weights


def estimate(values: Floats) -> Estimate:
    """A figure from its value and draws ``[1 + B]``."""
    return Estimate(float(values[0]), *_interval(values[1:]))


def difference(values: Floats) -> Difference:
    """A difference from its value and draws ``[1 + B]``."""
    drawn = values[1:]
    below, above = (drawn <= 0).sum(), (drawn >= 0).sum()
    p = min(1.0, 2 * (min(below, above) + 1) / (len(drawn) + 1))
    return Difference(float(values[0]), *_interval(drawn), p=float(p))


def _interval(drawn: Floats) -> tuple[float, float]:
    defined = drawn[~np.isnan(drawn)]
    if not len(defined):
        return float("nan"), float("nan")
    low, high = np.quantile(defined, [0.025, 0.975])
    return float(low), float(high)


def mean_defined(several: Iterable[Drawn]) -> Drawn:
    """The mean of each figure over those where it is defined."""
    drawn = list(several)
    stacked = {name: np.stack([figures[name] for figures in drawn]) for name in drawn[0]}
    return {
        name: divide(np.nansum(values, axis=0), (~np.isnan(values)).sum(axis=0))
        for name, values in stacked.items()
    }


def divide(above: Floats, below: Floats) -> Floats:
    """``above / below``, NaN where ``below`` is 0."""
    shape = np.broadcast_shapes(above.shape, below.shape)
    out = np.full(shape, np.nan, np.result_type(above, below, np.float32))
    return np.divide(above, below, out=out, where=below != 0)
