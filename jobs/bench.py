"""What a benchmark found, and how it is written: one line a figure in build/bench.jsonl.

Benchmarks are the modules ``jobs.bench_*``; ``make bench`` runs them all. Times count only as
ratios within one run, since machines are shared and differ.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

REPORT = Path("build/bench.jsonl")


class Figure(NamedTuple):
    """A measured value and the bar it must keep; without a bar it is there for comparison."""

    name: str
    value: float
    unit: str
    at_most: float | None = None
    at_least: float | None = None

    def holds(self) -> bool | None:
        """Whether the bar is kept; None where there is none."""
        if self.at_most is not None:
            return self.value <= self.at_most
        return None if self.at_least is None else self.value >= self.at_least


def write_figures(figures: Sequence[Figure], command: str) -> None:
    """Prints figures and appends them to the report."""
    REPORT.parent.mkdir(exist_ok=True)
    with REPORT.open("a", encoding="utf-8") as lines:
        for figure in figures:
            bar = figure.at_least if figure.at_most is None else figure.at_most
            said = {"name": figure.name, "value": figure.value, "bar": bar, "unit": figure.unit}
            lines.write(json.dumps({**said, "holds": figure.holds(), "command": command}) + "\n")
            side = "at least" if figure.at_most is None else "at most"
            kept = "holds" if figure.holds() else "MISSED"
            text = "" if bar is None else f" ({side} {bar:g}: {kept})"
            print(f"{figure.name}: {figure.value:.3g} {figure.unit}{text}")
