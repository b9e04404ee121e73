"""What every way of choosing is to the others: a ``Scorer``, or a ``Learner`` that makes one.

The tuned network of ``scoring`` and the baselines stand behind these, so that routers and
measurements know neither. Scores are estimates of Pr('Yes'): how likely a candidate does an
instruction well.

Shapes: N instructions, M candidates.
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from actors.examiner.card import CapabilityCard
from actors.examiner.outcomes import OutcomeMatrix


class Scorer(Protocol):
    """Says how well each candidate may do each instruction."""

    def scores(
        self, instructions: Sequence[str], cards: Sequence[CapabilityCard]
    ) -> NDArray[np.float32]:
        """Pr('Yes') of each instruction and candidate, ``[N, M]`` in [0, 1]."""
        ...


class Learner(Protocol):
    """Makes a scorer from past outcomes."""

    def fit(self, outcomes: OutcomeMatrix, cards: Sequence[CapabilityCard]) -> Scorer:
        """The scorer that these outcomes teach.

        Args:
            outcomes: what the candidates did; NaN where one was not asked.
            cards: of the candidates of ``outcomes``, in any order.
        """
        ...
