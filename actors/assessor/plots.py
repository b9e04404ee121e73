"""The plots of a report. Imported only where plots are wanted: it needs matplotlib.

Every function draws one figure. ``png`` and ``svg`` write it: as a file beside a Markdown page, and
as an element of an HTML page that follows the page's colours and tells those who cannot see it
what it shows.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from html import escape
from io import StringIO
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from actors.assessor.costs import Costs
from actors.assessor.coverage import Covered
from actors.assessor.figures import MEAN, MethodFigures
from actors.assessor.plan import BEST_SINGLE, REFERENCES
from actors.assessor.replay import Release

DPI = 150
COLUMNS = 3  # panels side by side

# Seen on white and on black; the first is the method that a plan names first.
_COLOURS = [
    f"tab:{name}"
    for name in ("red", "blue", "green", "orange", "purple", "brown", "pink", "olive", "cyan")
]
_MARKERS = "osD^vP"
_GREYS = dict(zip(REFERENCES, ("0.55", "0.45", "0.65"), strict=True))
_INK = "#010203"  # text, axes and ticks: replaced by the page's own colour
_STYLE = {
    **{f"{part}.color": _INK for part in ("text", "xtick", "ytick")},
    **{f"axes.{part}color": _INK for part in ("edge", "label")},
    "axes.spines.top": False,
    "axes.spines.right": False,
    "font.size": 9,
    "legend.frameon": False,
    "text.parse_math": False,  # a name with two dollar signs is no formula
    "svg.fonttype": "none",  # text stays text
}

Draw = Callable[[], Figure]


def accuracies(settings: Mapping[str, Sequence[MethodFigures]]) -> Figure:
    """Accuracy of every method with its interval, one panel a setting."""
    methods = _methods(settings.values())
    figure, panels = _panels(len(settings), height=0.6 + 0.19 * len(methods))
    for axes, (name, found) in zip(panels, settings.items(), strict=True):
        for each in found:
            accuracy = each.figures[MEAN]["accuracy"]
            reach = [accuracy.value - accuracy.low, accuracy.high - accuracy.value]
            axes.errorbar(
                [100 * accuracy.value],
                [methods.index(each.method)],
                xerr=100 * np.maximum(reach, 0)[:, None],
                capsize=2,
                **_look(each.method, methods) | {"linestyle": "none"},
            )
            if each.method == BEST_SINGLE:
                axes.axvline(100 * accuracy.value, color=_GREYS[BEST_SINGLE], linestyle=":")
        axes.set_yticks(range(len(methods)), methods)
        axes.set_ylim(len(methods) - 0.5, -0.5)
        axes.set_title(name, fontsize="medium")
    figure.supxlabel("accuracy of the choice, %", fontsize="medium")
    return figure


def calibration(settings: Mapping[str, Sequence[MethodFigures]]) -> Figure:
    """Share of right outcomes against score, one panel a setting."""
    methods = _methods(settings.values())
    figure, panels = _panels(len(settings), height=3.2, sharex=True)
    for axes, (name, found) in zip(panels, settings.items(), strict=True):
        axes.plot([0, 1], [0, 1], color="0.6", linestyle=":")
        for each in found:
            if each.calibration:
                axes.plot(
                    [bin_.score for bin_ in each.calibration],
                    [bin_.right for bin_ in each.calibration],
                    **_look(each.method, methods),
                )
        axes.set_title(name, fontsize="medium")
    figure.supxlabel("score", fontsize="medium")
    figure.supylabel("share right", fontsize="medium")
    _legend(figure, panels)
    return figure


def quality_cost(found: Costs) -> Figure:
    """Mean outcome against mean price as a threshold moves; stars: where the policy leads."""
    figure = Figure(figsize=(7.5, 4.2), layout="constrained")
    axes = figure.subplots()
    methods = list(found.curves)
    for method, points in found.curves.items():
        look = _look(method, methods)
        axes.plot(
            [point.price for point in points], [100 * point.quality for point in points], **look
        )
        spot = found.chosen[method]
        axes.plot(
            [spot.price], [100 * spot.quality], marker="*", markersize=13, color=look["color"]
        )
    for name, spot in found.singles.items():
        axes.plot([spot.price], [100 * spot.quality], marker="x", color="0.5", linestyle="none")
        axes.annotate(
            name, (spot.price, 100 * spot.quality), (4, 3), textcoords="offset points", size=7
        )
    axes.set_xlabel("mean price, US dollars per million tokens")
    axes.set_ylabel("mean outcome, %")
    _legend(figure, [axes])
    return figure


def replay(steps: Sequence[Release]) -> Figure:
    """Accuracy of every method as models are released (paper: Figure 5)."""
    figure = Figure(figsize=(max(7.5, 0.22 * len(steps)), 4.8), layout="constrained")
    axes = figure.subplots()
    methods = _methods(step.figures for step in steps)
    for method in methods:
        known = [{found.method: found.figures[MEAN] for found in step.figures} for step in steps]
        line = [each[method]["accuracy"].value if method in each else np.nan for each in known]
        axes.plot(range(len(steps)), 100 * np.array(line), **_look(method, methods))
    axes.set_xticks(
        range(len(steps)), [step.newest for step in steps], rotation=90, fontsize="x-small"
    )
    axes.set_ylabel("accuracy of the choice, %")
    _legend(figure, [axes])
    return figure


def coverage(covered: Sequence[Covered]) -> Figure:
    """What the zoo gets right together as candidates join it (paper: Figure 1)."""
    figure = Figure(figsize=(max(7.5, 1.1 * len(covered)), 4.0), layout="constrained")
    axes = figure.subplots()
    bars = {
        "alone": ([step.accuracy for step in covered], "0.6"),
        "union": ([step.union for step in covered], "tab:blue"),
        "union, of what the reference gets right": (
            [step.of_right for step in covered],
            "tab:green",
        ),
        "union, of what the reference gets wrong": (
            [step.of_wrong for step in covered],
            "tab:red",
        ),
    }
    x, width = np.arange(len(covered)), 0.8 / len(bars)
    for place, (label, (shares, colour)) in enumerate(bars.items()):
        drawn = axes.bar(
            x + (place - (len(bars) - 1) / 2) * width,
            100 * np.array(shares),
            0.92 * width,
            color=colour,
            label=label,
        )
        axes.bar_label(drawn, fmt="%.0f", fontsize="x-small", padding=1)
    axes.set_xticks(x, [step.candidate for step in covered], rotation=15, ha="right")
    axes.set_ylabel("share of questions, %")
    _legend(figure, [axes])
    return figure


def png(draw: Draw, place: Path) -> Path:
    """Draws a figure into a file and says where it lies."""
    with mpl.rc_context(_STYLE):
        draw().savefig(place, dpi=DPI, bbox_inches="tight")
    return place


def svg(draw: Draw, name: str, title: str, description: str) -> str:
    """Draws a figure as an element of an HTML page.

    Args:
        draw: one of the functions above.
        name: stands once on the page: a letter, then letters, digits or hyphens.
        title: what the figure is.
        description: what is to be seen, for those who cannot see it.
    """
    written = StringIO()
    with mpl.rc_context(_STYLE | {"svg.hashsalt": name}):
        nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        draw().savefig(
            written, format="svg", bbox_inches="tight", transparent=True, metadata=nothing
        )
    drawn = written.getvalue()
    drawn = re.sub(r'<g id="[^"]*"', "<g", drawn[drawn.index("<svg") :]).replace(
        _INK, "currentColor"
    )
    head, rest = drawn.split(">", 1)
    return (
        f'{head} role="img" aria-labelledby="{name}-title {name}-desc">'
        f'<title id="{name}-title">{escape(title)}</title>'
        f'<desc id="{name}-desc">{escape(description)}</desc>{rest}'
    )


def _methods(groups: Any) -> list[str]:
    return list(dict.fromkeys(found.method for group in groups for found in group))


def _panels(count: int, height: float, **shared: bool) -> tuple[Figure, list[Axes]]:
    rows = math.ceil(count / COLUMNS)
    columns = min(count, COLUMNS)
    figure = Figure(figsize=(max(5, 3.3 * columns), 0.5 + height * rows), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False, sharey=True, **shared).ravel()
    for axes in panels[count:]:
        axes.set_axis_off()
    return figure, list(panels[:count])


def _look(method: str, methods: Sequence[str]) -> dict[str, Any]:
    """A method looks the same in all figures of the same methods."""
    if method in REFERENCES:
        return {
            "color": _GREYS[method],
            "linestyle": "--",
            "marker": ".",
            "markersize": 4,
            "label": method,
        }
    place = [name for name in methods if name not in REFERENCES].index(method)
    return {
        "color": _COLOURS[place % len(_COLOURS)],
        "linestyle": "-",
        "marker": _MARKERS[place % len(_MARKERS)],
        "markersize": 4,
        "label": method,
    }


def _legend(figure: Figure, panels: Sequence[Axes]) -> None:
    """One legend for all panels, above them."""
    found = {
        label: handle
        for axes in panels
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    if found:
        figure.legend(
            found.values(), found.keys(), fontsize="small", ncols=4, loc="outside upper center"
        )
