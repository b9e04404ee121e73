"""The operator's rules, and what a request may ask within them."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.router.rules import Choice, Wish, blended, operator_rules
from cluster.errors import SettingsError, UserError
from cluster.settings import RouterSettings
from cluster.zoo import Price, Zoo

PRICED = {"a": {"input": 1, "output": 5}, "b": {"input": 10, "output": 10}, "c": {}}
SCORES = {"a": 0.6, "b": 0.9, "c": 0.2}


def zoo(prices: Mapping[str, Any]) -> Zoo:
    return Zoo.model_validate(
        {
            "name": "z",
            "candidates": [
                {"id": id, "engine": {"kind": "stand-in"}}
                | ({} if price is None else {"price": price})
                for id, price in prices.items()
            ],
        }
    )


def router(**settings: Any) -> RouterSettings:
    return RouterSettings.model_validate(settings)


def test_by_default_the_best_of_all_is_chosen_without_prices() -> None:
    rules = operator_rules(zoo(dict.fromkeys("abc")), router())
    assert rules.choice(SCORES) == Choice("b", 0.9, "best-quality", SCORES)


def test_a_choice_tells_its_policy_and_the_scores_it_chose_among() -> None:
    rules = operator_rules(
        zoo(PRICED),
        router(policy={"kind": "cheapest-above", "threshold": 0.5}, candidates=["b", "a"]),
    )
    among = {"a": 0.6, "b": 0.9}
    assert rules.choice(SCORES) == Choice("a", 0.6, "cheapest-above", among)


def test_two_prices_become_one() -> None:
    price = Price(input=1, output=5)
    assert blended(price, 0) == 1
    assert blended(price, 0.25) == 2
    assert blended(price, 1) == 5
    rules = operator_rules(zoo(PRICED), router(policy={"kind": "value", "weight": 1}))
    assert rules.prices == {"a": 2, "b": 10, "c": 0}


@pytest.mark.parametrize(
    "settings",
    [{"policy": {"kind": "value", "weight": 1}}, {"allow_policies": ["cheapest-above"]}],
)
def test_a_policy_that_reads_prices_needs_one_of_every_candidate(settings: dict[str, Any]) -> None:
    unpriced = zoo(PRICED | {"d": None})
    with pytest.raises(SettingsError, match="candidates without a 'price' in the zoo: d;"):
        operator_rules(unpriced, router(**settings))
    operator_rules(unpriced, router(**settings, candidates=["a", "b"]))


def test_unknown_candidates_are_named() -> None:
    with pytest.raises(SettingsError, match=r"'router.candidates': zoo 'z' has no x; it has: a, b"):
        operator_rules(zoo(PRICED), router(candidates=["a", "x"]))


def test_a_request_narrows_the_rules() -> None:
    rules = operator_rules(zoo(PRICED), router(allow_policies=["value"]))
    assert rules.within(Wish()) == rules
    wish = Wish.model_validate({"policy": {"kind": "value", "weight": 1}, "candidates": ["a", "b"]})
    choice = rules.within(wish).choice(SCORES)
    assert (choice.candidate, choice.policy, set(choice.scores)) == ("a", "value", {"a", "b"})
    assert rules.choice(SCORES).candidate == "b"  # the rules stay what they were


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        ({"policy": {"kind": "best-quality"}}, r"policy: 'best-quality' may not .*allowed: value"),
        ({"candidates": ["a", "c"]}, r"candidates: c may not be chosen; allowed: a, b"),
    ],
)
def test_a_request_stays_within_the_rules(wish: dict[str, Any], message: str) -> None:
    rules = operator_rules(zoo(PRICED), router(allow_policies=["value"], candidates=["a", "b"]))
    with pytest.raises(UserError, match=message):
        rules.within(Wish.model_validate(wish))


@given(
    scores=st.dictionaries(st.sampled_from("abcdef"), st.floats(0, 1), min_size=6),
    allowed=st.sets(st.sampled_from("abcdef"), min_size=1),
    wished=st.sets(st.sampled_from("abcdef"), min_size=1),
    policy=st.sampled_from(
        [
            {"kind": "best-quality"},
            {"kind": "value", "weight": 0.5},
            {"kind": "cheapest-above", "threshold": 0.5},
        ]
    ),
)
def test_the_choice_is_always_among_the_allowed(
    scores: dict[str, float], allowed: set[str], wished: set[str], policy: dict[str, Any]
) -> None:
    prices = {id: {"input": number} for number, id in enumerate("abcdef")}
    rules = operator_rules(zoo(prices), router(policy=policy, candidates=sorted(allowed)))
    assert rules.choice(scores).candidate in allowed
    if wished <= allowed:
        wish = Wish(candidates=tuple(wished))
        assert rules.within(wish).choice(scores).candidate in wished
