"""Policies."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from actors.router.policy import best_quality

SCORES = st.dictionaries(st.text(min_size=1), st.floats(0, 1), min_size=1)


def test_the_highest_score_is_chosen() -> None:
    assert best_quality({"a": 0.2, "b": 0.7, "c": 0.3}) == "b"


@given(SCORES, st.randoms())
def test_the_order_of_candidates_means_nothing(scores: dict[str, float], random: Random) -> None:
    listed = list(scores.items())
    random.shuffle(listed)
    assert best_quality(dict(listed)) == best_quality(scores)
    assert scores[best_quality(scores)] == max(scores.values())
