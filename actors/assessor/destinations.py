"""Where a method sends which instructions, with examples.

Shapes: N questions, M candidates, P pairs of question and candidate.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from actors.assessor.assessment import Run
from actors.assessor.measures import choice
from cluster.tables import RIGHT

EXAMPLES = 3
LONGEST = 240  # characters of an instruction that is shown


@dataclass(frozen=True)
class Example:
    """An instruction, clipped, that only this candidate was chosen for."""

    instruction: str
    category: str
    score: float
    right: bool


@dataclass(frozen=True)
class Destination:
    """A candidate and what is sent to it."""

    candidate: str
    share: float  # of all questions; candidates with equal scores share one
    right: float  # share of what it was sent that it gets right
    categories: Sequence[tuple[str, float]]  # and which share of what it was sent, most first
    examples: Sequence[Example]


def destinations(runs: Sequence[Run], method: str) -> list[Destination]:
    """Where ``method`` sends the questions of all runs, the most sent to first.

    Examples are of the first run in which a candidate was chosen, where it led most clearly.
    """
    sent = pa.concat_tables([_sent(run, method) for run in runs])
    tallies = sent.group_by(["candidate", "category"]).aggregate([("share", "sum"), ("hit", "sum")])
    of_candidate: dict[str, list[tuple[str, float, float]]] = {}
    for row in tallies.to_pylist():
        tally = (row["category"], row["share_sum"], row["hit_sum"])
        of_candidate.setdefault(row["candidate"], []).append(tally)
    found = []
    for candidate, rows in of_candidate.items():
        got = sum(share for _, share, _ in rows)
        found.append(
            Destination(
                candidate,
                share=got / sum(len(run.measured) for run in runs),
                right=sum(hit for _, _, hit in rows) / got,
                categories=sorted(
                    ((category, share / got) for category, share, _ in rows),
                    key=lambda each: (-each[1], each[0]),
                ),
                examples=_examples(runs, method, candidate),
            )
        )
    return sorted(found, key=lambda each: (-each.share, each.candidate))


def _sent(run: Run, method: str) -> pa.Table:
    """A row for each question and candidate that it goes to."""
    shares_NM = choice(run.scores[method])
    rows_P, columns_P = np.nonzero(shares_NM)
    share_P = shares_NM[rows_P, columns_P]
    return pa.table(
        {
            "candidate": [run.case.zoo[column] for column in columns_P],
            "category": [run.measured.categories[row] for row in rows_P],
            "share": share_P,
            "hit": share_P * (run.measured.scores_NM[rows_P, columns_P] >= RIGHT),
        }
    )


def _examples(runs: Sequence[Run], method: str, candidate: str) -> list[Example]:
    """One of each category, as far as there are."""
    for run in runs:
        if candidate not in run.case.zoo:
            continue
        column = run.case.zoo.index(candidate)
        scores_NM = run.scores[method]
        lead_N = scores_NM[:, column] - np.delete(scores_NM, column, axis=1).max(axis=1)
        rows = [int(row) for row in np.argsort(-lead_N, kind="stable") if lead_N[row] > 0]
        firsts = {run.measured.categories[row]: row for row in reversed(rows)}
        if firsts:
            picked = sorted(firsts.values(), key=rows.index)[:EXAMPLES]
            return [_example(run, method, row, column) for row in picked]
    return []


def _example(run: Run, method: str, row: int, column: int) -> Example:
    return Example(
        clipped(run.measured.texts[row]),
        run.measured.categories[row],
        float(run.scores[method][row, column]),
        bool(run.measured.scores_NM[row, column] >= RIGHT),
    )


def clipped(text: str) -> str:
    """The text on one line, cut where it is too long to be shown."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else line[: LONGEST - 1].rstrip() + "…"
