"""The noise of an exam: what a card might have said, had the candidate sat the exam again.

A task's accuracy rests on some twenty answers and is off by ten points as a rule. A selector that
always sees the same card of a candidate learns its very numbers by heart; one that sees another
sitting each time learns how far to trust them, which is what it needs for new candidates.
"""

import numpy as np

from actors.examiner.card import CapabilityCard


def resit(card: CapabilityCard, seed: str) -> CapabilityCard:
    """The card with each task's accuracy drawn anew: binomially, from accuracy and count."""
    draw = np.random.default_rng(list(seed.encode()))
    right = draw.binomial(
        [result.count for result in card.tasks], [result.accuracy for result in card.tasks]
    )
    tasks = [
        result.model_copy(update={"accuracy": float(marks) / result.count})
        for result, marks in zip(card.tasks, right, strict=True)
    ]
    return card.model_copy(update={"tasks": tasks})
