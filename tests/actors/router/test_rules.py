"""The operator's rules, and what a request may ask within them."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.router.rules import Choice, Rules, Wish, blended, operator_rules
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


def chosen(rules: Rules, scores: Mapping[str, float], **more: Any) -> Choice:
    choice = rules.choice(scores, **more)
    assert choice
    return choice


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


def test_an_instruction_goes_where_it_fits_if_it_fits_anywhere() -> None:
    there = [
        {"id": id, "engine": {"kind": "stand-in"}, "context_window": window}
        for id, window in (("a", 100), ("b", 10))
    ]
    rules = operator_rules(Zoo.model_validate({"name": "z", "candidates": there}), router())
    scores = {"a": 0.2, "b": 0.9}
    assert rules.fitting(scores, "short", 5).candidate == "b"
    assert rules.fitting(scores, "x" * 60, 5).candidate == "a"
    assert rules.fitting(scores, "x" * 6000, 5).candidate == "b"  # what it says is its error


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
    choice = chosen(rules.within(wish), SCORES)
    assert (choice.candidate, choice.policy, set(choice.scores)) == ("a", "value", {"a", "b"})
    assert chosen(rules, SCORES).candidate == "b"  # the rules stay what they were


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
    assert chosen(rules, scores).candidate in allowed
    if wished <= allowed:
        wish = Wish(candidates=tuple(wished))
        assert chosen(rules.within(wish), scores).candidate in wished


def test_who_is_passed_over_is_not_chosen_and_stands_in_the_choice() -> None:
    rules = operator_rules(zoo(PRICED), router())
    choice = chosen(rules, SCORES, passed_over={"b": "is down"})
    assert (choice.candidate, choice.passed_over) == ("a", {"b": "is down"})
    assert choice.scores == SCORES
    assert rules.choice(SCORES, passed_over=dict.fromkeys("abc", "is down")) is None
    assert chosen(rules, {"a": 0.6}).candidate == "a"  # of who joined just now, no score yet


def test_a_prompt_that_cannot_fit_a_window_passes_over() -> None:
    candidates = [
        {"id": "wide", "engine": {"kind": "stand-in"}},
        {"id": "narrow", "engine": {"kind": "stand-in"}, "context_window": 100},
        {"id": "vllm", "engine": {"kind": "vllm", "source": "x", "args": {"max_model_len": 200}}},
    ]
    rules = operator_rules(Zoo.model_validate({"name": "z", "candidates": candidates}), router())
    assert rules.too_long(300, 0) == {}
    assert rules.too_long(300, 60) == {"narrow": "its context window has 100 tokens"}
    assert set(rules.too_long(6000, 0)) == {"narrow", "vllm"}


def test_where_nobody_is_likely_to_be_right_the_escalation_candidate_answers() -> None:
    given = {"candidates": ["a", "b"], "escalation": {"candidate": "c", "floor": 0.7}}
    rules = operator_rules(zoo(PRICED), router(**given))
    assert rules.answering() == ["a", "b", "c"]
    assert (chosen(rules, SCORES).candidate, chosen(rules, SCORES).why) == ("b", "policy")
    unlikely = {"a": 0.6, "b": 0.5}
    choice = chosen(rules, unlikely)
    assert (choice.candidate, choice.score, choice.why) == ("c", None, "escalation")
    down = chosen(rules, unlikely, passed_over={"c": "is down"})
    assert (down.candidate, down.why) == ("a", "policy")
    narrowed = rules.within(Wish(candidates=("a",)))
    assert chosen(narrowed, unlikely).candidate == "a"
    with pytest.raises(SettingsError, match=r"'router.escalation.candidate': zoo 'z' has no x"):
        operator_rules(zoo(PRICED), router(escalation={"candidate": "x", "floor": 0.5}))


def test_a_conversation_stays_unless_another_is_better_by_the_margin() -> None:
    rules = operator_rules(zoo(PRICED), router(conversation_margin=0.3))
    stays = chosen(rules, {"a": 0.5, "b": 0.75}, stay_with="a")
    assert (stays.candidate, stays.score, stays.why) == ("a", 0.5, "conversation")
    assert chosen(rules, {"a": 0.4, "b": 0.75}, stay_with="a").why == "policy"
    assert chosen(rules, {"a": 0.5, "b": 0.75}, stay_with="b").why == "policy"
    assert chosen(rules, SCORES, stay_with="gone").candidate == "b"
    down = chosen(rules, {"a": 0.7, "b": 0.75}, stay_with="a", passed_over={"a": "is down"})
    assert down.candidate == "b"
    each = operator_rules(zoo(PRICED), router(conversation_margin=None))
    assert chosen(each, {"a": 0.7, "b": 0.75}, stay_with="a").candidate == "b"
