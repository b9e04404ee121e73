"""A report as Markdown. What it says is the business of ``findings``."""

from collections.abc import Sequence
from pathlib import Path

from actors.assessor.findings import (
    READING,
    Measured,
    Table,
    case_tables,
    coverage_table,
    dataset_tables,
    facts,
    introduction,
    method_table,
    release_table,
)
from actors.assessor.plan import Plan


def markdown(plan: Plan, measured: Measured, plots: Sequence[str] = ()) -> str:
    """The report as a page; ``plots`` are files beside it."""
    blocks = [f"# Assessment: {plan.name}", introduction(plan), *READING]
    for name, (runs, figures) in measured.settings.items():
        tables = [
            method_table(figures, plan.compare),
            *dataset_tables(figures),
            *case_tables(figures),
        ]
        lines = [f"- {fact}" for fact in facts(runs, plan.methods)]
        blocks += [f"## {name}", "\n".join(lines), *map(_grid, tables)]
    for name, replayed in measured.replays.items():
        tables = [method_table(replayed.overall, plan.compare), release_table(replayed.steps)]
        blocks += [f"## Replay: {name}", *map(_grid, tables)]
    for name, covered in measured.coverages.items():
        blocks += [f"## Coverage: {name}", _grid(coverage_table(covered))]
    if plots:
        blocks += ["## Plots", "\n".join(f"![{Path(plot).stem}]({plot})" for plot in plots)]
    return "\n\n".join(blocks) + "\n"


def _grid(table: Table) -> str:
    lines = [table.head, ["---"] * len(table.head), *table.rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
