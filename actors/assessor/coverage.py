"""Coverage: what a zoo of weaker models gets right together, against one strong reference.

The paper's Figure 1: the union of what small, early models answer rightly covers most of what a
far larger one does, and much of what that one does not. It is a statement about outcomes: nothing
is chosen or tuned, so it is taken over all questions of the source.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from actors.examiner.outcomes import OutcomeMatrix
from cluster.errors import TableError
from cluster.tables import RIGHT


@dataclass(frozen=True)
class Covered:
    """A candidate joins the zoo; the union is over it and all before it."""

    candidate: str
    accuracy: float
    union: float  # share of all questions that the union gets right
    of_right: float  # share of what the reference gets right
    of_wrong: float  # share of what the reference gets wrong


def coverage(matrix: OutcomeMatrix, zoo: Sequence[str], reference: str) -> list[Covered]:
    """How coverage grows as the zoo's candidates join in their order.

    Raises:
        TableError: a candidate has no outcomes; no question was asked of all; or the reference
            gets all of them right, or none.
    """
    asked = matrix.of([reference, *zoo]).complete()
    right_NM = asked.scores_NM >= RIGHT
    theirs_N, union_NM = right_NM[:, 0], np.logical_or.accumulate(right_NM[:, 1:], axis=1)
    if theirs_N.all() or not theirs_N.any():
        raise TableError(
            f"coverage of '{reference}': it must get some questions right and some wrong; "
            f"it has {int(theirs_N.sum())} right of {len(asked)} that it and the zoo were asked"
        )
    return [
        Covered(
            candidate,
            accuracy=float(right_NM[:, 1 + place].mean()),
            union=float(union_NM[:, place].mean()),
            of_right=float(union_NM[theirs_N, place].mean()),
            of_wrong=float(union_NM[~theirs_N, place].mean()),
        )
        for place, candidate in enumerate(zoo)
    ]
