"""A check of outcomes as an HTML page: the first of each kind of finding; JSON has them all."""

from collections.abc import Sequence
from dataclasses import dataclass

from actors.assessor.alike import Leak
from actors.assessor.check import Check, Checked
from actors.assessor.findings import Table, percent
from actors.assessor.headroom import Headroom
from actors.assessor.web_page import Section, render

MOST_ROWS = 100


@dataclass(frozen=True)
class Findings:
    """All findings of one kind."""

    title: str
    count: int
    table: Table
    more: int  # rows that are not shown

    @classmethod
    def of(
        cls,
        title: str,
        head: Sequence[str],
        rows: Sequence[Sequence[str]],
        count: int | None = None,
    ) -> "Findings":
        """``count``: what there is, where it is not the rows that are counted."""
        return cls(
            title,
            len(rows) if count is None else count,
            Table(title, head, rows[:MOST_ROWS]),
            max(0, len(rows) - MOST_ROWS),
        )


@dataclass(frozen=True)
class Bar:
    """A share in [0, 1], and how it is told with its interval."""

    name: str
    share: float
    told: str


@dataclass(frozen=True)
class _Source(Section):
    """What one source shows."""

    facts: str
    findings: Sequence[Findings]
    room: Sequence[Bar]
    gain: str


def check_page(checked: Checked) -> str:
    """The whole page."""
    sources = [
        _source(f"source-{number}", folder, found)
        for number, (folder, found) in enumerate(checked.sources.items())
    ]
    several = len(checked.sources) > 1
    across = _leaks("Questions in several of these sources", checked.source_leaks)
    sections = [*sources, *([Section("across", across.title)] if several else [])]
    return render(
        "check.html",
        title="Check of outcomes",
        sources=sources,
        across=across if several else None,
        sections=sections,
    )


def _source(anchor: str, folder: str, found: Check) -> _Source:
    return _Source(
        anchor,
        folder,
        facts=f"{found.models} models, {found.questions} questions, {found.outcomes} outcomes. "
        f"{found.gaps.complete_questions} questions were asked of every model.",
        findings=_findings(found),
        room=_room(found.headroom),
        gain=_gain(found.headroom),
    )


def _findings(found: Check) -> list[Findings]:
    return [
        Findings.of(
            "Gaps: pairs of model and question without an outcome",
            ["model", "questions not asked"],
            [[model, str(count)] for model, count in found.gaps.models.items()],
            found.gaps.pairs,
        ),
        Findings.of(
            "Models that look broken",
            ["model", "mean score", "why"],
            [[each.model, f"{each.mean:.1%}", each.why] for each in found.broken],
        ),
        Findings.of(
            "Pairs of models with the same outcomes",
            ["model", "and", "correlation", "questions"],
            [
                [pair.first, pair.second, f"{pair.correlation:.3f}", str(pair.questions)]
                for pair in found.same_models
            ],
        ),
        _leaks("Questions in several splits", found.split_leaks),
        Findings.of(
            "Pairs of questions with nearly the same words",
            ["question", "and", "similarity"],
            [[pair.first, pair.second, f"{pair.similarity:.2f}"] for pair in found.same_questions],
        ),
    ]


def _leaks(title: str, leaks: Sequence[Leak]) -> Findings:
    rows = [[", ".join(leak.parts), ", ".join(leak.questions)] for leak in leaks]
    return Findings.of(title, ["in", "questions with the same words"], rows)


def _room(room: Headroom) -> list[Bar]:
    ways = {
        "a model at random": room.random,
        f"best single ({room.best_single_model})": room.best_single,
        "best of each category": room.best_per_category,
        "oracle: any model is right": room.oracle,
    }
    return [Bar(name, figure.value, percent(figure)) for name, figure in ways.items()]


def _gain(room: Headroom) -> str:
    left_out = f" ({len(room.left_out)} were asked too few)" if room.left_out else ""
    return (
        f"On {room.questions} questions asked of {room.models} models{left_out}: at most "
        f"{100 * room.most.value:.1f} points over the best single model "
        f"({100 * room.most.low:.1f} to {100 * room.most.high:.1f}); the best of each category "
        f"brings {100 * room.per_category.value:+.1f} "
        f"({100 * room.per_category.low:+.1f} to {100 * room.per_category.high:+.1f})."
    )
