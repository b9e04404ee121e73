from collections.abc import Callable, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from actors.examiner.card import CapabilityCard
from actors.selector.cascade import Cascade

FAST = {"a": 0.9, "b": 0.8, "c": 0.7, "d": 0.7}
LARGE = {"a": 0.2, "b": 0.6, "c": 0.3, "d": 0.9}


class Table:
    """A scorer that reads a candidate's score from a table, and remembers what it was asked."""

    def __init__(self, scores: dict[str, float]) -> None:
        self.scores_of = scores
        self.asked: list[tuple[tuple[str, ...], tuple[str, ...]]] = []

    def scores(
        self, instructions: Sequence[str], cards: Sequence[CapabilityCard]
    ) -> NDArray[np.float32]:
        ids = [card.model_id for card in cards]
        self.asked.append((tuple(instructions), tuple(ids)))
        row = [self.scores_of[id] for id in ids]
        return np.array([row] * len(instructions), np.float32).reshape(len(instructions), len(ids))


@pytest.fixture
def cards(make_card: Callable[..., CapabilityCard]) -> list[CapabilityCard]:
    return [make_card(name, [0.5]) for name in "dcba"]


def test_the_large_selector_scores_those_that_the_fast_one_likes(
    cards: list[CapabilityCard],
) -> None:
    large = Table(LARGE)
    scores_NM = Cascade(Table(FAST), large, keep=2).scores(["x", "y"], cards)
    assert large.asked == [(("x", "y"), ("b", "a"))]
    d, c, b, a = scores_NM[0]
    assert (a, b) == pytest.approx((0.2, 0.6))
    assert max(c, d) < a  # though the fast selector gave them more


def test_equal_scores_go_to_the_id_that_sorts_first(cards: list[CapabilityCard]) -> None:
    large = Table(LARGE)
    for order in (cards, cards[::-1]):
        Cascade(Table(FAST), large, keep=3).scores(["x"], order)
    assert [set(ids) for _, ids in large.asked] == [{"a", "b", "c"}] * 2


def test_a_small_zoo_is_scored_by_the_large_selector_alone(cards: list[CapabilityCard]) -> None:
    scores_NM = Cascade(Table(FAST), Table(LARGE), keep=9).scores(["x"], cards)
    assert scores_NM[0].tolist() == pytest.approx([0.9, 0.3, 0.6, 0.2])


def test_no_instruction_is_no_error(cards: list[CapabilityCard]) -> None:
    assert Cascade(Table(FAST), Table(LARGE), keep=2).scores([], cards).shape == (0, 4)
