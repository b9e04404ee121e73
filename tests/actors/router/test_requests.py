"""What is read from a request; no cluster needed."""

import math
from typing import Any

import pytest
from fastapi import HTTPException
from pydantic import ValidationError

from actors.router.bodies import ChatBody, CompletionBody
from actors.router.requests import (
    Asked,
    SelectRequest,
    asked_of,
    checked_wish,
    instruction_of,
    requested_text,
    taken_wish,
)
from actors.router.rules import Wish


def test_text_of_chats_and_prompts() -> None:
    chat = ChatBody(model="auto", messages=[{"role": "user", "content": "Hi"}])
    assert requested_text(chat) == "Hi"
    parts = [{"type": "text", "text": "Hi"}, {"type": "image_url", "image_url": {"url": "data:,"}}]
    chat = ChatBody(model="auto", messages=[{"role": "user", "content": parts}])
    assert requested_text(chat) == "Hi"
    assert len(chat.messages[0]["content"]) == 2  # still there for the candidate
    assert requested_text(CompletionBody(model="auto", prompt="Go on")) == "Go on"
    assert requested_text(CompletionBody(model="auto", prompt="Go on", messages=5)) == "Go on"
    assert requested_text(CompletionBody(model="auto", prompt=["a", "b"])) == "a\nb"


@pytest.mark.parametrize(
    "body",
    [
        ChatBody(model="auto", messages=[{"role": "assistant", "content": None}]),
        CompletionBody(model="auto", prompt=[1, 2, 3]),
        CompletionBody(model="auto", prompt=["", ""]),
    ],
)
def test_a_request_without_text_is_the_callers_mistake(
    body: ChatBody | CompletionBody,
) -> None:
    with pytest.raises(HTTPException) as caught:
        requested_text(body)
    assert caught.value.status_code == 400


def test_wishes_are_taken_out_of_a_request() -> None:
    wish = {"policy": {"kind": "cheapest-above", "threshold": 0.5}, "candidates": ["a"]}
    body = CompletionBody.model_validate({"model": "auto", "prompt": "x", "model_sat": wish})
    assert checked_wish(taken_wish(body)) == Wish.model_validate(wish)
    assert "model_sat" not in body.model_dump()
    assert checked_wish(taken_wish(body)) == Wish()


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        ("best-quality", "key 'model_sat': "),
        (
            {"police": {}},
            "key 'model_sat.police': unknown key; allowed: policy, candidates, stay_with",
        ),
        ({"candidates": []}, "key 'model_sat.candidates': "),
        ({"policy": {"kind": "value", "weight": math.nan}}, "'model_sat.policy.weight'"),
        ({"policy": {"kind": "cheapest-above"}}, "threshold': is needed, but missing"),
        ({"policy": {"kind": "any"}}, "key 'model_sat.policy': "),
    ],
)
def test_a_wrong_wish_is_the_callers_mistake(wish: object, message: str) -> None:
    with pytest.raises(HTTPException) as caught:
        checked_wish(wish)
    assert caught.value.status_code == 400
    assert message in caught.value.detail


def test_a_selection_is_asked_in_three_forms() -> None:
    chat = [{"role": "user", "content": "Hi"}]
    for body in ({"prompt": " Hi"}, {"messages": chat}, {"instructions": ["Hi", chat]}):
        given = SelectRequest.model_validate(body).all()
        assert {instruction_of(each) for each in given} == {"Hi"}


@pytest.mark.parametrize(
    "body", [{}, {"prompt": "Hi", "messages": []}, {"instructions": []}, {"prompts": "Hi"}]
)
def test_a_selection_is_asked_in_one_form(body: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SelectRequest.model_validate(body)


@pytest.mark.parametrize(
    "given",
    [
        " ",
        [],
        [{}],
        [{"role": "user", "content": [{"type": "text"}]}],
    ],
)
def test_an_instruction_without_text_is_the_callers_mistake(given: Any) -> None:
    with pytest.raises(HTTPException) as caught:
        instruction_of(given)
    assert caught.value.status_code == 400


def test_how_long_an_answer_may_become() -> None:
    chat = [{"role": "user", "content": "Hi"}]
    body = ChatBody(model="auto", messages=chat, max_completion_tokens=7)
    assert asked_of(body) == Asked("Hi", 2, chat, answer_tokens=7, streams=False)
    assert asked_of(ChatBody(model="auto", messages=chat)).answer_tokens == 0
    plain = CompletionBody(model="auto", prompt="Hi", max_tokens=5, stream=True)
    assert asked_of(plain) == Asked("Hi", 2, [], answer_tokens=5, streams=True)


def test_prompts_of_one_request_stand_alone_in_a_window() -> None:
    asked = asked_of(CompletionBody(model="auto", prompt=["a" * 10, "ü" * 30, "b" * 50]))
    assert asked.prompt_bytes == 60
    assert asked.text.count("\n") == 2
