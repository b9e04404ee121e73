"""Choice by chance."""

import hashlib

from actors.examiner.card import CapabilityCard
from actors.selector.baselines.registry import Context, baseline
from actors.selector.baselines.unfitted import Unfitted


@baseline("random")
def chance(context: Context) -> Unfitted:
    """Scores drawn evenly from [0, 1); the same pair and seed always draw the same."""

    def score(instruction: str, card: CapabilityCard) -> float:
        drawn = hashlib.sha256(repr((context.seed, instruction, card.model_id)).encode()).digest()
        return int.from_bytes(drawn[:8], "big") / 2**64

    return Unfitted(score)
