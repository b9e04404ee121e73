"""The circle test: is a right answer still right when the options stand in another order?

Owns which questions are hard enough to ask, and what is asked (paper: Data Refinement). All
rotations are asked, so that a candidate that likes a letter, or guesses, is right in few of them.
What a tuner makes of the result is said in ``actors.tuner.refinement``.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from cluster.tables import RIGHT, letters


def hard_questions(outcomes: pa.Table, share: float) -> pa.Array:
    """Ids of the questions that at most ``share`` of the candidates got right.

    Args:
        outcomes: OUTCOMES; those that failed count for nobody.
        share: in [0, 1]. In a zoo of five, 0.2 is one candidate.
    """
    asked = outcomes.filter(pc.is_null(outcomes["error"]))
    right = pc.greater_equal(asked["score"], RIGHT).cast(pa.float64())
    marks = pa.table({"question_id": asked["question_id"], "right": right})
    shares = marks.group_by("question_id").aggregate([("right", "mean")])
    hard = shares.filter(pc.less_equal(shares["right_mean"], share))
    return hard["question_id"].combine_chunks()


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
