"""The report of an assessment as an HTML page."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from actors.assessor.assessment import Run
from actors.assessor.costs import Costs, costs
from actors.assessor.destinations import Destination, destinations
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
from actors.assessor.web_page import HeatMap, Section, render

if TYPE_CHECKING:
    from actors.assessor.drawings import Drawn

MOST_DESTINATIONS = 12  # of a setting with many zoos

_OVERVIEW = Section("accuracy", "Accuracy of the choice")
_READING = Section("reading", "How to read this")


@dataclass(frozen=True)
class _Part(Section):
    """What a setting, a replay or a coverage shows."""

    kind: str
    name: str
    tables: Sequence[Table]
    facts: Sequence[str] = ()
    heat: HeatMap | None = None
    method: str = ""  # whose destinations are shown
    destinations: Sequence[Destination] = ()


def assessment_page(plan: Plan, measured: Measured) -> str:
    """The whole page; figures stand in it where the plan wants plots."""
    parts = _parts(plan, measured)
    figures = _figures(plan, measured) if plan.plots else {}
    overview = [_OVERVIEW] if ("accuracy", "") in figures else []
    return render(
        "assessment.html",
        title=f"Assessment: {plan.name}",
        introduction=introduction(plan),
        overview=overview,
        parts=parts,
        reading=READING,
        sections=[*overview, *parts, _READING],
        figures=figures,
    )


def _figures(plan: Plan, measured: Measured) -> "dict[tuple[str, str], Drawn]":
    from actors.assessor.drawings import drawings

    of_setting: dict[str, Costs] = {}
    for name, (runs, _) in measured.settings.items():
        if found := costs(plan, runs):
            of_setting[name] = found
    return drawings(measured, of_setting)


def _parts(plan: Plan, measured: Measured) -> list[_Part]:
    parts: list[_Part] = []
    for name, (runs, figures) in measured.settings.items():
        method = next((each for each in plan.methods if all(each in r.scores for r in runs)), "")
        parts.append(
            _Part(
                anchor=f"setting-{len(parts)}",
                title=name,
                kind="setting",
                name=name,
                tables=[
                    method_table(figures, plan.compare),
                    *dataset_tables(figures),
                    *case_tables(figures),
                ],
                facts=facts(runs, plan.methods),
                heat=_heat_map(runs[0]),
                method=method,
                destinations=destinations(runs, method)[:MOST_DESTINATIONS] if method else (),
            )
        )
    for name, replayed in measured.replays.items():
        tables = [method_table(replayed.overall, plan.compare), release_table(replayed.steps)]
        title = f"Replay: {name}"
        parts.append(_Part(f"replay-{len(parts)}", title, "replay", name, tables))
    for name, covered in measured.coverages.items():
        title = f"Coverage: {name}"
        tables = [coverage_table(covered)]
        parts.append(_Part(f"coverage-{len(parts)}", title, "coverage", name, tables))
    return parts


def _heat_map(run: Run) -> HeatMap:
    """The cards of a run's zoo: tasks down, candidates across."""
    by_task = zip(*(card.tasks for card in run.cards), strict=True)
    return HeatMap(
        f"Right in each core task of the aptitude test, % (zoo '{run.case.name}', seed {run.seed})",
        ["task", *(card.model_id for card in run.cards)],
        [(results[0].task, [result.accuracy for result in results]) for results in by_task],
    )
