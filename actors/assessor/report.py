"""The report of an assessment: a page for browsers, Markdown, JSON with every figure, plots.

A report is whole or not there: it is written beside its place and moved there. What the pages
say is the business of ``findings``.
"""

import importlib.util
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

from actors.assessor.assessment import Run
from actors.assessor.assessment_page import assessment_page
from actors.assessor.findings import Measured
from actors.assessor.page import markdown
from actors.assessor.plan import Plan
from cluster.errors import UserError
from cluster.store import whole_folder

JSON, MARKDOWN, HTML = "report.json", "report.md", "report.html"


def check_output(plan: Plan) -> None:
    """Raises UserError if the report could not be written; call it before anything is tuned."""
    place = Path(plan.output)
    if place.exists() and not (place / JSON).exists():
        raise UserError(f"output '{place}': is there, but no report; name another folder")
    if plan.plots and importlib.util.find_spec("matplotlib") is None:
        raise UserError(
            "plots need package 'matplotlib', which is not installed; install it by: "
            "pip install 'matplotlib>=3.10' (extra 'report'), or set plots=false"
        )


def write_report(plan: Plan, measured: Measured) -> Path:
    """Writes the report, replacing an older one, and returns its folder."""
    place = Path(plan.output).absolute()
    with whole_folder(place) as aside:
        plots = _plots(aside, measured) if plan.plots else []
        (aside / MARKDOWN).write_text(markdown(plan, measured, plots), encoding="utf-8")
        (aside / HTML).write_text(assessment_page(plan, measured), encoding="utf-8")
        (aside / JSON).write_text(json.dumps(as_json(plan, measured), indent=1), encoding="utf-8")
    return place


def as_json(plan: Plan, measured: Measured) -> dict[str, Any]:
    """Everything, as JSON takes it; figures that are not defined are null."""
    settings = {
        name: {"runs": [_run(run) for run in runs], "methods": figures}
        for name, (runs, figures) in measured.settings.items()
    }
    found: dict[str, Any] = _plain(
        {
            "plan": plan.model_dump(),
            "settings": settings,
            "replays": measured.replays,
            "coverages": measured.coverages,
        }
    )
    return found


def _plots(folder: Path, measured: Measured) -> list[str]:
    from actors.assessor import plots

    figures = {name: found for name, (_, found) in measured.settings.items()}
    wanted: dict[str, plots.Draw] = {}
    if figures:
        wanted["accuracy"] = partial(plots.accuracies, figures)
        wanted["calibration"] = partial(plots.calibration, figures)
    for number, replayed in enumerate(measured.replays.values(), 1):
        wanted[f"replay-{number}"] = partial(plots.replay, replayed.steps)
    for number, covered in enumerate(measured.coverages.values(), 1):
        wanted[f"coverage-{number}"] = partial(plots.coverage, covered)
    return [plots.png(draw, folder / f"{name}.png").name for name, draw in wanted.items()]


def _run(run: Run) -> dict[str, Any]:
    return {
        **asdict(run.case),
        "seed": run.seed,
        "unseen": [name for name in run.case.zoo if name not in run.case.seen],
        "best_single": run.best,
        "measured_questions": len(run.measured),
        "left_out_questions": run.left_out,
        "tuned_questions": run.tuned_questions,
        "exam_tasks": run.exam_tasks,
        "exam_questions": run.exam_questions,
        "exam_questions_tuned_on": run.exam_tuned,
    }


def _plain(value: Any) -> Any:
    """``value`` out of dictionaries, lists, strings and numbers."""
    if is_dataclass(value) and not isinstance(value, type):
        return _plain(vars(value))
    if hasattr(value, "_asdict"):
        return _plain(value._asdict())
    if isinstance(value, Mapping):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return str(value) if isinstance(value, date) else value
