"""What a method's choices cost: quality against price as a threshold moves, and a policy's point.

Prices are the plan's, one figure a candidate. Outcomes count as they are, over all questions.

Shapes: N questions, M candidates.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from actors.assessor.assessment import Run
from actors.assessor.plan import Plan
from actors.router.curve import Point, quality_cost_curve
from actors.router.policy import choose
from cluster.settings import Policy

THRESHOLDS = [step / 20 for step in range(21)]


@dataclass(frozen=True)
class Spot:
    """A mean price in US dollars per million tokens, and the mean outcome it buys."""

    price: float
    quality: float


@dataclass(frozen=True)
class Costs:
    """One setting: means over its runs."""

    curves: Mapping[str, Sequence[Point]]  # of each method, over thresholds of cheapest-above
    chosen: Mapping[str, Spot]  # where the plan's policy leads each method
    singles: Mapping[str, Spot]  # each candidate alone


def costs(plan: Plan, runs: Sequence[Run]) -> Costs | None:
    """The costs of a setting; None where not all of its candidates have a price."""
    if not all(name in plan.prices for run in runs for name in run.case.zoo):
        return None
    methods = [name for name in plan.methods if all(name in run.scores for run in runs)]
    return Costs(
        curves={method: _curve(plan, runs, method) for method in methods},
        chosen={
            method: _mean([_spot(plan.policy, plan.prices, run, method) for run in runs])
            for method in methods
        },
        singles={
            name: _mean([_single(plan.prices, run, name) for run in runs if name in run.case.zoo])
            for name in dict.fromkeys(name for run in runs for name in run.case.zoo)
        },
    )


def _curve(plan: Plan, runs: Sequence[Run], method: str) -> list[Point]:
    curves = []
    for run in runs:
        by_id_M = np.argsort(run.case.zoo)  # of equals the first by id is taken, as policies do
        scores_NM, outcomes_NM = run.scores[method], run.measured.scores_NM
        prices_M = np.array([plan.prices[name] for name in run.case.zoo])
        curves.append(
            quality_cost_curve(
                scores_NM[:, by_id_M], outcomes_NM[:, by_id_M], prices_M[by_id_M], THRESHOLDS
            )
        )
    return [
        Point(
            points[0].threshold,
            quality=float(np.mean([point.quality for point in points])),
            price=float(np.mean([point.price for point in points])),
        )
        for points in zip(*curves, strict=True)
    ]


def _spot(policy: Policy, prices: Mapping[str, float], run: Run, method: str) -> Spot:
    zoo = run.case.zoo
    chosen_N = [
        zoo.index(choose(policy, dict(zip(zoo, scores_M, strict=True)), prices, {}))
        for scores_M in run.scores[method].tolist()
    ]
    quality = run.measured.scores_NM[np.arange(len(chosen_N)), chosen_N].mean()
    return Spot(float(np.mean([prices[zoo[column]] for column in chosen_N])), float(quality))


def _single(prices: Mapping[str, float], run: Run, name: str) -> Spot:
    return Spot(prices[name], float(run.measured.scores_NM[:, run.case.zoo.index(name)].mean()))


def _mean(spots: Sequence[Spot]) -> Spot:
    return Spot(
        float(np.mean([spot.price for spot in spots])),
        float(np.mean([spot.quality for spot in spots])),
    )
