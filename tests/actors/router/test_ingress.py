"""What the ingress reads from a request and writes into a response; no cluster needed."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from fastapi import HTTPException
from fastapi.responses import JSONResponse, StreamingResponse
from ray.serve.llm.openai_api_models import ChatCompletionRequest, CompletionRequest

from actors.router.ingress import (
    CANDIDATE_HEADER,
    SCORES_HEADER,
    Choice,
    requested_text,
    with_choice,
)

CHOICE = Choice("b", {"a": 0.25, "b": 0.75})


def test_text_of_chats_and_prompts() -> None:
    chat = ChatCompletionRequest(model="auto", messages=[{"role": "user", "content": "Hi"}])
    assert requested_text(chat) == "Hi"
    parts = [{"type": "text", "text": "Hi"}, {"type": "image_url", "image_url": {"url": "data:,"}}]
    chat = ChatCompletionRequest(model="auto", messages=[{"role": "user", "content": parts}])
    assert requested_text(chat) == "Hi"
    assert len(chat.messages[0]["content"]) == 2  # still there for the candidate
    assert requested_text(CompletionRequest(model="auto", prompt="Go on")) == "Go on"
    assert requested_text(CompletionRequest(model="auto", prompt=["a", "b"])) == "a\nb"


@pytest.mark.parametrize(
    "body",
    [
        ChatCompletionRequest(model="auto", messages=[]),
        CompletionRequest(model="auto", prompt=[1, 2, 3]),
        CompletionRequest(model="auto", prompt=["", ""]),
    ],
)
def test_a_request_without_text_is_the_callers_mistake(
    body: ChatCompletionRequest | CompletionRequest,
) -> None:
    with pytest.raises(HTTPException) as caught:
        requested_text(body)
    assert caught.value.status_code == 400


def test_a_plain_response_carries_the_choice() -> None:
    response = with_choice(JSONResponse({"id": "x", "model": "b"}), CHOICE)
    assert json.loads(bytes(response.body)) == {
        "id": "x",
        "model": "b",
        "model_sat": {"candidate": "b", "scores": {"a": 0.25, "b": 0.75}},
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
        "model_sat": {"candidate": "b", "scores": {"a": 0.25, "b": 0.75}},
    }
    assert others == ['data: {"n": 2}', 'data: {"n": 3}', "data: [DONE]", ""]
