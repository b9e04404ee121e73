"""What re-rankers have in common: they rate what every candidate wrote, and then choose.

They need every candidate's answer to every instruction, so they cost M times an answer (paper:
Figure 2): a comparison, not a way to route.

Shapes: N instructions, M candidates.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from actors.examiner.card import CapabilityCard
from actors.examiner.outcomes import OutcomeMatrix
from actors.selector.baselines.registry import Context
from cluster.errors import SettingsError, TableError

Pair = tuple[str, str]  # an instruction and an answer


class Written:
    """A ``Scorer`` of written answers that is its own ``Learner``: outcomes do not change it."""

    def __init__(
        self,
        outputs: Mapping[tuple[str, str], str],
        rate: Callable[[list[Pair]], NDArray[np.floating]],
    ) -> None:
        """``rate`` gives each pair a score; ``outputs`` are those of ``Context``."""
        self._outputs = outputs
        self._rate = rate

    def fit(self, outcomes: OutcomeMatrix, cards: Sequence[CapabilityCard]) -> "Written":
        """Learns nothing."""
        return self

    def scores(
        self, instructions: Sequence[str], cards: Sequence[CapabilityCard]
    ) -> NDArray[np.float32]:
        """As ``Scorer``. Raises TableError if an answer is missing."""
        pairs = [
            (instruction, self._output(card.model_id, instruction))
            for instruction in instructions
            for card in cards
        ]
        # Each pair once, in an order of its own: how callers list candidates cannot matter.
        distinct = sorted(set(pairs))
        rated = dict(zip(distinct, self._rate(distinct), strict=True)) if distinct else {}
        scores_NM = np.array([rated[pair] for pair in pairs], np.float32)
        return np.clip(scores_NM, 0, 1).reshape(len(instructions), len(cards))

    def _output(self, model_id: str, instruction: str) -> str:
        if (model_id, instruction) not in self._outputs:
            raise TableError(
                "re-rankers need what candidates wrote (outputs.parquet, or column 'output' of the "
                f"outcomes); there is nothing of candidate '{model_id}' for '{instruction[:60]}'"
            )
        return self._outputs[model_id, instruction]


def source(context: Context, name: str, usual: str | None = None) -> str:
    """The model of a baseline. Raises SettingsError if none is set and there is no usual one."""
    found = context.sources.get(name, usual)
    if found is None:
        raise SettingsError(
            f"baseline '{name}' needs the folder or hub id of a model; sources are set for: "
            f"{', '.join(sorted(context.sources)) or 'none'}"
        )
    return found
