"""What the ingress reads from a request and writes into a response; no cluster needed."""

import asyncio
import json
import math
from collections.abc import AsyncIterator
from typing import Any

import pytest
from fastapi import HTTPException
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import ValidationError

from actors.router.ingress import (
    CANDIDATE_HEADER,
    SCORES_HEADER,
    SelectRequest,
    checked_wish,
    instruction_of,
    requested_text,
    taken_wish,
    with_choice,
)
from actors.router.requests import ChatBody, CompletionBody
from actors.router.rules import Choice, Wish

CHOICE = Choice("b", 0.75, "best-quality", {"a": 0.25, "b": 0.75})
TOLD = {
    "candidate": "b",
    "score": 0.75,
    "policy": "best-quality",
    "scores": {"a": 0.25, "b": 0.75},
    "why": "policy",
    "passed_over": {},
}


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
        ({"police": {}}, "key 'model_sat.police': unknown key; allowed: policy, candidates"),
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


def test_a_plain_response_carries_the_choice() -> None:
    response = with_choice(JSONResponse({"id": "x", "model": "b"}), CHOICE)
    assert json.loads(bytes(response.body)) == {
        "id": "x",
        "model": "b",
        "model_sat": TOLD,
    }
    assert response.headers[CANDIDATE_HEADER] == "b"
    assert json.loads(response.headers[SCORES_HEADER]) == {"a": 0.25, "b": 0.75}


def test_a_streams_first_event_carries_the_choice() -> None:
    async def events() -> AsyncIterator[str]:
        yield 'data: {"n": 1}\n\ndata: {"n": 2}\n\n'
        yield 'data: {"n": 3}\n\n'
        yield "data: [DONE]\n\n"

    async def received() -> str:
        response = with_choice(StreamingResponse(events()), CHOICE)
        assert isinstance(response, StreamingResponse)
        assert response.headers[CANDIDATE_HEADER] == "b"
        return "".join([str(chunk) async for chunk in response.body_iterator])

    first, *others = asyncio.run(received()).split("\n\n")
    assert json.loads(first.removeprefix("data: ")) == {
        "n": 1,
        "model_sat": TOLD,
    }
    assert others == ['data: {"n": 2}', 'data: {"n": 3}', "data: [DONE]", ""]
