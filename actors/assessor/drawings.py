"""The figures of an assessment's page, each with words for those who cannot see it.

Imported only where plots are wanted: it needs matplotlib. How a figure is drawn is the business
of ``plots``.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from markupsafe import Markup

from actors.assessor import plots
from actors.assessor.costs import Costs
from actors.assessor.coverage import Covered
from actors.assessor.figures import MEAN, MethodFigures
from actors.assessor.findings import Measured
from actors.assessor.plan import ORACLE
from actors.assessor.replay import Replayed


@dataclass(frozen=True)
class Drawn:
    """A figure, and the sentences below it."""

    svg: Markup
    title: str
    description: str


_Key = tuple[str, str]  # what it shows, and of what in the plan
_Wanted = tuple[_Key, plots.Draw, str, str]


def drawings(measured: Measured, costs: Mapping[str, Costs]) -> dict[_Key, Drawn]:
    """The figures by their kind and their name in the plan.

    Args:
        measured: what an assessment found.
        costs: of the settings whose candidates have prices.
    """
    wanted = [
        *_of_settings({name: found for name, (_, found) in measured.settings.items()}),
        *map(_of_costs, costs.items()),
        *map(_of_replay, measured.replays.items()),
        *map(_of_coverage, measured.coverages.items()),
    ]
    return {
        key: Drawn(
            Markup(plots.svg(draw, f"figure-{number}", title, description)), title, description
        )
        for number, (key, draw, title, description) in enumerate(wanted, 1)
    }


def _of_settings(settings: Mapping[str, Sequence[MethodFigures]]) -> Iterator[_Wanted]:
    if settings:
        yield (
            ("accuracy", ""),
            partial(plots.accuracies, settings),
            "Accuracy of every method in every setting, with 95% intervals",
            "Dotted: the best single candidate. Best, the oracle aside: "
            + "; ".join(f"{name}: {_best(found)}" for name, found in settings.items()),
        )
    for name, found in settings.items():
        gaps = {each.method: each.figures[MEAN]["ece"].value for each in found if each.calibration}
        if gaps:
            yield (
                ("calibration", name),
                partial(plots.calibration, {name: found}),
                "How often a score comes true",
                "Dotted: as often as it says. Mean gap between score and share right (ECE): "
                + ", ".join(f"{method} {gap:.3f}" for method, gap in gaps.items()),
            )


def _of_costs(item: tuple[str, Costs]) -> _Wanted:
    name, found = item
    spots = [
        f"{method} {spot.quality:.1%} at {spot.price:.2f}" for method, spot in found.chosen.items()
    ]
    return (
        ("costs", name),
        partial(plots.quality_cost, found),
        "Mean outcome against mean price, as the threshold of policy cheapest-above moves",
        f"Crosses: one candidate alone. Stars, the plan's policy: {', '.join(spots)}",
    )


def _of_replay(item: tuple[str, Replayed]) -> _Wanted:
    name, found = item
    first, last = found.steps[0], found.steps[-1]
    return (
        ("replay", name),
        partial(plots.replay, found.steps),
        f"Accuracy as models are released, from {first.newest} to {last.newest}",
        f"Best over all {len(found.steps)} releases, the oracle aside: {_best(found.overall)}",
    )


def _of_coverage(item: tuple[str, Sequence[Covered]]) -> _Wanted:
    name, found = item
    return (
        ("coverage", name),
        partial(plots.coverage, found),
        "What the zoo gets right together, as candidates join it",
        f"All {len(found)} together get {found[-1].of_right:.0%} of what the reference gets right "
        f"and {found[-1].of_wrong:.0%} of what it gets wrong",
    )


def _best(found: Sequence[MethodFigures]) -> str:
    accuracy = {
        each.method: each.figures[MEAN]["accuracy"].value for each in found if each.method != ORACLE
    }
    method = max(accuracy, key=lambda name: accuracy[name])
    return f"{method} {accuracy[method]:.1%}"
