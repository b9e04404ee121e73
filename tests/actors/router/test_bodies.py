"""Bodies of requests: what breaks vLLM's rules, or JSON's, is the caller's mistake and said so."""

import asyncio
import pickle
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pydantic import ValidationError

from actors.router.bodies import ChatBody, CompletionBody, StrictRoute
from actors.router.refusals import answer_errors_as_openai

ASKED = {"role": "user", "content": "marked-prompt"}


def test_a_chat_is_read_to_the_last_part() -> None:
    part = {"type": "text", "text": "Hello"}
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    body = ChatBody(
        model="auto",
        messages=[
            {"role": "user", "content": [part]},
            {"role": "assistant", "tool_calls": [call]},
            ASKED,
        ],
        model_sat={"candidates": ["a"]},
    )
    for _ in range(2):  # not an iterator, which could be read once
        first, second, third = body.messages
        assert first["content"] == [part]
        assert [made["id"] for made in second["tool_calls"]] == ["1"]
        assert third["content"] == "marked-prompt"
    assert body.model_extra == {"model_sat": {"candidates": ["a"]}}
    assert pickle.loads(pickle.dumps(body)) == body  # it goes to other processes


@pytest.mark.parametrize(
    "wrong",
    [
        {"messages": 5},
        {"messages": None},
        {"messages": [5]},
        {"messages": []},
        {"messages": [{"role": "user", "content": [5, "marked-prompt"]}]},
        {"messages": [ASKED, {"role": "assistant", "tool_calls": ["marked-prompt"]}]},
        {"messages": [ASKED], "structured_outputs": 5},
        {"messages": [ASKED], "top_logprobs": "many"},
        {"messages": [ASKED], "stream_options": {"include_usage": True}},
        {"messages": [ASKED], "tool_choice": {"function": 5}, "tools": [5]},
        {"messages": [ASKED], "temperature": float("inf")},
    ],
)
def test_a_chat_that_breaks_a_rule_is_a_validation_error(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        ChatBody(model="auto", **wrong)
    assert "marked-prompt" not in str(caught.value)


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"prompt": ""},
        {"prompt": 5},
        {"prompt": ["a"] * 10**5},
        {"prompt": "a", "logprobs": "x"},
    ],
)
def test_a_completion_that_breaks_a_rule_is_a_validation_error(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        CompletionBody(model="auto", **wrong)


def post(content: bytes, content_type: str = "application/json") -> Any:
    http = FastAPI()
    http.router.route_class = StrictRoute
    answer_errors_as_openai(http)

    @http.post("/echo")
    async def echo(body: dict[str, Any]) -> Any:
        return body

    async def ask() -> Any:
        transport = httpx.ASGITransport(http)
        async with httpx.AsyncClient(transport=transport, base_url="http://router") as client:
            headers = {"content-type": content_type}
            return await client.post("/echo", content=content, headers=headers)

    return asyncio.run(ask())


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\x00",
        b"\xff\xfe",
        b'{"a": NaN}',
        b'{"a": -Infinity}',
        b'{"a": "\\ud800"}',
        b'{"\\udc00": 1}',
        b'{"a": "\xed\xa0\x80"}',
        b'{"a":' * 10**5,
        b'{"a": ' + b"9" * 10**4 + b"}",
    ],
)
def test_what_is_no_json_gets_400(content: bytes) -> None:
    answer = post(content)
    assert answer.status_code == 400
    assert set(answer.json()["error"]) == {"message", "type", "param", "code"}


def test_json_is_taken_as_it_is() -> None:
    assert post(b'{"a": "\\ud83d\\ude00\\u0000", "b": [1, 1.5, null]}').json() == {
        "a": "\U0001f600\0",
        "b": [1, 1.5, None],
    }
    assert post(b'{"a": 1}', "text/plain").status_code == 400
