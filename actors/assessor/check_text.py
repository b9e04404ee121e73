"""How a check of outcomes is shown: for people at a terminal, and as JSON."""

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from actors.assessor.bootstrap import Estimate
from actors.assessor.check import Check, Checked
from actors.assessor.headroom import Headroom

_FIRST = 5  # of a list of findings


def as_json(checked: Checked) -> str:
    """Every finding; figures that are not defined are null."""
    return json.dumps(_finite(asdict(checked)), indent=1, ensure_ascii=False, allow_nan=False)


def show(checked: Checked, console: Console) -> None:
    """Prints the findings, the first few of each kind."""
    for folder, found in checked.sources.items():
        _show_source(folder, found, console)
    if len(checked.sources) > 1:
        leaks = [f"{' = '.join(leak.questions[:2])}" for leak in checked.source_leaks]
        _finding(console, "questions in several of these sources", leaks)


def _show_source(folder: str, found: Check, console: Console) -> None:
    console.print(
        f"\n[bold]{escape(folder)}[/bold]: {found.models} models, {found.questions} questions, "
        f"{found.outcomes} outcomes"
    )
    _finding(
        console,
        f"gaps ({found.gaps.share:.1%} of all pairs; "
        f"{found.gaps.complete_questions} questions were asked of every model)",
        [f"{model}: {count} not asked" for model, count in found.gaps.models.items()],
        found.gaps.pairs,
    )
    _finding(
        console,
        "models that look broken",
        [f"{each.model} (mean {each.mean:.1%}): {each.why}" for each in found.broken],
    )
    _finding(
        console,
        "pairs of models with the same outcomes",
        [
            f"{pair.first} = {pair.second}: correlation {pair.correlation:.3f} in "
            f"{pair.questions} questions"
            for pair in found.same_models
        ],
    )
    _finding(
        console,
        "questions in several splits",
        [f"{', '.join(leak.parts)}: {' = '.join(leak.questions)}" for leak in found.split_leaks],
    )
    _finding(
        console,
        "pairs of questions with nearly the same words",
        [
            f"{pair.first} ~ {pair.second}: similarity {pair.similarity:.2f}"
            for pair in found.same_questions
        ],
    )
    _show_headroom(found.headroom, console)


def _finding(
    console: Console, what: str, findings: Sequence[str], count: int | None = None
) -> None:
    count = len(findings) if count is None else count
    mark = "[green]none[/green]" if not count else f"[yellow]{count}[/yellow]"
    console.print(f"  {mark}  {what}")
    for finding in findings[:_FIRST]:
        console.print(f"        {escape(finding)}", highlight=False)
    if len(findings) > _FIRST:
        console.print(f"        and {len(findings) - _FIRST} more")


def _show_headroom(room: Headroom, console: Console) -> None:
    table = Table("mean score", "", "95%", title_justify="left", box=None, padding=(0, 2))
    for name, figure in _ways(room):
        table.add_row(escape(name), f"{figure.value:.1%}", f"{figure.low:.1%} to {figure.high:.1%}")
    console.print(
        f"  what a selector could gain, on {room.questions} questions asked of {room.models} models"
        + (f" ({len(room.left_out)} were asked too few)" if room.left_out else "")
    )
    console.print(table)
    console.print(
        f"  at most {100 * room.most.value:.1f} points over the best single model "
        f"({100 * room.most.low:.1f} to {100 * room.most.high:.1f}); the best of each category "
        f"brings {100 * room.per_category.value:+.1f} "
        f"({100 * room.per_category.low:+.1f} to {100 * room.per_category.high:+.1f})"
    )


def _ways(room: Headroom) -> Iterable[tuple[str, Estimate]]:
    yield "a model at random", room.random
    yield f"best single ({room.best_single_model})", room.best_single
    yield "best of each category", room.best_per_category
    yield "oracle: any model is right", room.oracle


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
