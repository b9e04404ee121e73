"""The circle test: is a right answer still right when the options stand in another order?

Owns which questions are hard enough to ask, and what is asked (paper: Data Refinement). All
rotations are asked, so that a candidate that likes a letter, or guesses, is right in few of them.
What a tuner makes of the result is said in ``actors.tuner.refinement``.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from cluster.tables import letters

RIGHT = 0.5  # a score from which an outcome is right


def hard_questions(outcomes: Iterable[Mapping[str, Any]], share: float) -> set[str]:
    """Ids of the questions that fewer than ``share`` of the candidates got right.

    Args:
        outcomes: rows of OUTCOMES; those that failed count for nobody.
        share: in [0, 1].
    """
    marks: dict[str, list[bool]] = defaultdict(list)
    for outcome in outcomes:
        if outcome["error"] is None:
            marks[outcome["question_id"]].append(outcome["score"] >= RIGHT)
    return {name for name, right in marks.items() if sum(right) / len(right) < share}


def rotations(question: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A row of QUESTIONS with its options moved on by one, two, ...; the answer goes with them."""
    options = question["options"]
    known = letters(len(options))
    right = known.index(question["answer"])
    return [
        {
            **question,
            "options": [*options[by:], *options[:by]],
            "answer": known[(right - by) % len(options)],
        }
        for by in range(1, len(options))
    ]


def stood(rotated: Iterable[bool | None]) -> bool | None:
    """Whether a right answer stood the test; None where a rotation was not answered.

    Args:
        rotated: of each rotation whether it was right, None where asking failed.
    """
    marks = list(rotated)
    if False in marks:
        return False
    return None if None in marks else True
