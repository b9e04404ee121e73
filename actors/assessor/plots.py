"""The plots of a report, as PNG. Imported only where plots are wanted: it needs matplotlib.

Every function draws one figure, writes it and returns where it lies.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from actors.assessor.coverage import Covered
from actors.assessor.figures import MEAN, MethodFigures
from actors.assessor.plan import REFERENCES
from actors.assessor.replay import Release

DPI = 150


def accuracies(settings: Mapping[str, Sequence[MethodFigures]], place: Path) -> Path:
    """Accuracy of every method in every setting, with intervals."""
    methods = list(dict.fromkeys(found.method for each in settings.values() for found in each))
    figure = Figure(
        figsize=(max(6, 1 + 0.25 * len(methods) * len(settings)), 4.5), layout="constrained"
    )
    axes = figure.subplots()
    width = 0.8 / len(methods)
    for place_, method in enumerate(methods):
        bars = [
            (x, found.figures[MEAN]["accuracy"])
            for x, each in enumerate(settings.values())
            for found in each
            if found.method == method
        ]
        values = np.array([[found.value, found.low, found.high] for _, found in bars])
        axes.bar(
            [x + (place_ - (len(methods) - 1) / 2) * width for x, _ in bars],
            100 * values[:, 0],
            width,
            yerr=100 * np.abs(values[:, 1:] - values[:, :1]).T,
            capsize=2,
            label=method,
        )
    axes.set_xticks(range(len(settings)), list(settings), rotation=20, ha="right")
    axes.set_ylabel("accuracy of the choice, %")
    figure.legend(fontsize="small", ncols=4, loc="outside upper center")
    return _written(figure, place)


def calibration(settings: Mapping[str, Sequence[MethodFigures]], place: Path) -> Path:
    """Share of right outcomes against score, one panel a setting."""
    figure = Figure(figsize=(3.2 * len(settings), 3.4), layout="constrained")
    panels = figure.subplots(1, len(settings), squeeze=False, sharex=True, sharey=True)[0]
    for axes, (name, methods) in zip(panels, settings.items(), strict=True):
        axes.plot([0, 1], [0, 1], color="lightgrey")
        for found in methods:
            if found.calibration:
                axes.plot(
                    [bin_.score for bin_ in found.calibration],
                    [bin_.right for bin_ in found.calibration],
                    marker=".",
                    label=found.method,
                )
        axes.set_title(name, fontsize="small")
        axes.set_xlabel("score")
    panels[0].set_ylabel("share right")
    handles, labels = panels[0].get_legend_handles_labels()
    if handles:
        figure.legend(handles, labels, fontsize="small", loc="outside right center")
    return _written(figure, place)


def replay(name: str, steps: Sequence[Release], place: Path) -> Path:
    """Accuracy of every method as models are released."""
    figure = Figure(figsize=(max(6, 0.25 * len(steps)), 4.5), layout="constrained")
    axes = figure.subplots()
    methods = list(dict.fromkeys(found.method for step in steps for found in step.figures))
    for method in methods:
        line = [
            next(
                (f.figures[MEAN]["accuracy"].value for f in step.figures if f.method == method),
                np.nan,
            )
            for step in steps
        ]
        style = "--" if method in REFERENCES else "-"
        axes.plot(range(len(steps)), 100 * np.array(line), style, marker=".", label=method)
    axes.set_xticks(
        range(len(steps)), [step.newest for step in steps], rotation=90, fontsize="x-small"
    )
    axes.set_ylabel("accuracy of the choice, %")
    axes.set_title(name)
    axes.legend(fontsize="small")
    return _written(figure, place)


def coverage(name: str, covered: Sequence[Covered], place: Path) -> Path:
    """What the zoo gets right together as candidates join it."""
    figure = Figure(figsize=(max(5, 0.8 * len(covered)), 4), layout="constrained")
    axes = figure.subplots()
    x = range(len(covered))
    axes.bar(x, [100 * step.accuracy for step in covered], color="lightgrey", label="alone")
    axes.plot(x, [100 * step.union for step in covered], marker=".", label="union")
    axes.plot(x, [100 * step.of_right for step in covered], marker=".", label="of right")
    axes.plot(x, [100 * step.of_wrong for step in covered], marker=".", label="of wrong")
    axes.set_xticks(x, [step.candidate for step in covered], rotation=20, ha="right")
    axes.set_ylabel("share of questions, %")
    axes.set_title(name)
    axes.legend(fontsize="small")
    return _written(figure, place)


def _written(figure: Figure, place: Path) -> Path:
    figure.savefig(place, dpi=DPI, bbox_inches="tight")
    return place
