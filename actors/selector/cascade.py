"""Two selectors one after the other: a fast one leaves few candidates for a large one to score.

For zoos so large that even packed scoring of all candidates costs too much.

Shapes: N instructions, M candidates.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from actors.examiner.card import CapabilityCard
from actors.selector.scorer import Scorer


class Cascade:
    """A ``Scorer`` that asks the large selector about the candidates the fast one likes best."""

    def __init__(self, fast: Scorer, large: Scorer, keep: int) -> None:
        """``keep``: how many candidates the large selector scores for each instruction."""
        self._fast, self.large, self._keep = fast, large, keep

    def scores(
        self, instructions: Sequence[str], cards: Sequence[CapabilityCard]
    ) -> NDArray[np.float32]:
        """As ``Scorer``. The others keep their fast score, but stay below those that were kept."""
        if self._keep >= len(cards):
            return self.large.scores(instructions, cards)
        scores_NM = self._fast.scores(instructions, cards)
        kept_NM = self._kept(scores_NM, [card.model_id for card in cards])
        for kept_M in np.unique(kept_NM, axis=0):  # instructions with the same few go together
            rows = np.flatnonzero((kept_NM == kept_M).all(axis=1))
            columns = np.flatnonzero(kept_M)
            large = self.large.scores(
                [instructions[row] for row in rows], [cards[column] for column in columns]
            )
            others = np.flatnonzero(~kept_M)
            below = np.nextafter(large.min(axis=1, keepdims=True), -1, dtype=np.float32).clip(0)
            scores_NM[np.ix_(rows, others)] = np.minimum(scores_NM[np.ix_(rows, others)], below)
            scores_NM[np.ix_(rows, columns)] = large
        return scores_NM

    def _kept(self, scores_NM: NDArray[np.float32], ids: Sequence[str]) -> NDArray[np.bool_]:
        """Which candidates are kept; equal scores go to the ids that sort first."""
        by_id = np.argsort(ids, kind="stable")
        best_NM = by_id[np.argsort(-scores_NM[:, by_id], axis=1, kind="stable")]
        kept_NM = np.zeros(scores_NM.shape, bool)
        np.put_along_axis(kept_NM, best_NM[:, : self._keep], True, axis=1)
        return kept_NM
