"""What baselines that learn nothing from outcomes have in common: they score any candidate."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from actors.examiner.card import CapabilityCard
from actors.examiner.outcomes import OutcomeMatrix


class Unfitted:
    """A ``Scorer`` that is its own ``Learner``: outcomes do not change it."""

    def __init__(self, score: Callable[[str, CapabilityCard], float]) -> None:
        """``score`` rates an instruction and a candidate in [0, 1]."""
        self._score = score

    def fit(self, outcomes: OutcomeMatrix, cards: Sequence[CapabilityCard]) -> "Unfitted":
        """Learns nothing."""
        return self

    def scores(
        self, instructions: Sequence[str], cards: Sequence[CapabilityCard]
    ) -> NDArray[np.float32]:
        """The rating of each pair, ``[N, M]``."""
        rows = [[self._score(instruction, card) for card in cards] for instruction in instructions]
        return np.array(rows, np.float32).reshape(len(instructions), len(cards))
