"""Policies."""

from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.router.policy import best_quality, cheapest_above, choose, latency_cap, value
from cluster.settings import (
    BestQualityPolicy,
    CheapestAbovePolicy,
    LatencyCapPolicy,
    Policy,
    ValuePolicy,
)

UNIT = st.floats(0, 1)
# Few different values, so that ties happen.
COARSE = st.sampled_from([0.0, 0.25, 0.5, 1.0])
ZOO = st.dictionaries(
    st.text(min_size=1, max_size=3),
    st.tuples(UNIT | COARSE, st.floats(0, 100) | COARSE),
    min_size=1,
)
POLICY = st.one_of(
    st.just(BestQualityPolicy()),
    st.builds(ValuePolicy, weight=st.floats(0, 10) | COARSE),
    st.builds(CheapestAbovePolicy, threshold=UNIT | COARSE),
    st.builds(LatencyCapPolicy, seconds=st.floats(0.01, 100)),
)
Zoo = dict[str, tuple[float, float]]  # id: score, and price or latency

SCORES = {"dear": 0.9, "fair": 0.7, "cheap": 0.4}
PRICES = {"dear": 10.0, "fair": 1.0, "cheap": 0.1}


def chosen(policy: Policy, zoo: Zoo) -> str:
    scores = {id: score for id, (score, _) in zoo.items()}
    other = {id: price for id, (_, price) in zoo.items()}
    return choose(policy, scores, other, other)


def test_the_highest_score_is_chosen() -> None:
    assert best_quality(SCORES) == "dear"
    assert best_quality({"b": 0.5, "a": 0.5}) == "a"


@pytest.mark.parametrize(("weight", "id"), [(0, "dear"), (0.1, "fair"), (1, "cheap")])
def test_the_more_a_dollar_weighs_the_cheaper_the_choice(weight: float, id: str) -> None:
    assert value(SCORES, PRICES, weight) == id


@pytest.mark.parametrize(
    ("threshold", "id"), [(0, "cheap"), (0.4, "cheap"), (0.5, "fair"), (0.8, "dear"), (1, "dear")]
)
def test_the_cheapest_that_reaches_the_threshold_is_chosen(threshold: float, id: str) -> None:
    assert cheapest_above(SCORES, PRICES, threshold) == id


def test_of_equal_prices_the_higher_score_is_chosen() -> None:
    assert cheapest_above({"a": 0.6, "b": 0.8}, {"a": 1.0, "b": 1.0}, 0.5) == "b"


@given(POLICY, ZOO, st.randoms())
def test_the_order_of_candidates_means_nothing(policy: Policy, zoo: Zoo, random: Random) -> None:
    listed: list[Any] = list(zoo.items())
    random.shuffle(listed)
    assert chosen(policy, dict(listed)) == chosen(policy, zoo)


@given(POLICY, ZOO, UNIT)
def test_a_candidate_never_loses_by_a_higher_score(policy: Policy, zoo: Zoo, more: float) -> None:
    id = chosen(policy, zoo)
    score, price = zoo[id]
    assert chosen(policy, zoo | {id: (max(score, more), price)}) == id


@given(ZOO)
def test_best_quality_has_the_highest_score(zoo: Zoo) -> None:
    assert zoo[chosen(BestQualityPolicy(), zoo)][0] == max(score for score, _ in zoo.values())


@given(ZOO, st.floats(0, 10) | COARSE)
def test_no_candidate_is_better_value(zoo: Zoo, weight: float) -> None:
    score, price = zoo[chosen(ValuePolicy(weight=weight), zoo)]
    assert score - weight * price == max(s - weight * p for s, p in zoo.values())


@given(ZOO, UNIT | COARSE)
def test_nothing_below_the_threshold_is_chosen_if_it_is_reached(zoo: Zoo, floor: float) -> None:
    score, price = zoo[chosen(CheapestAbovePolicy(threshold=floor), zoo)]
    reaching = [p for s, p in zoo.values() if s >= floor]
    if reaching:
        assert score >= floor
        assert price == min(reaching)
    else:
        assert score == max(s for s, _ in zoo.values())


def test_of_those_soon_enough_the_best_is_chosen() -> None:
    latencies = {"dear": 5.0, "fair": 1.0}
    assert latency_cap(SCORES, latencies, 9.0) == "dear"
    assert latency_cap(SCORES, latencies, 2.0) == "fair"
    assert latency_cap(SCORES, latencies, 0.5) == "cheap"  # nobody knows how long it takes
    assert latency_cap(SCORES, latencies | {"cheap": 3.0}, 0.5) == "fair"


@given(ZOO, st.floats(0.01, 100))
def test_nothing_late_is_chosen_if_something_is_soon_enough(zoo: Zoo, cap: float) -> None:
    score, latency = zoo[chosen(LatencyCapPolicy(seconds=cap), zoo)]
    soon = [s for s, seconds in zoo.values() if seconds <= cap]
    if soon:
        assert latency <= cap
        assert score == max(soon)
    else:
        assert latency == min(seconds for _, seconds in zoo.values())
