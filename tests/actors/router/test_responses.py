"""What is written into a response, and read from it; no cluster needed."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from fastapi.responses import JSONResponse, StreamingResponse

from actors.router.responses import CANDIDATE_HEADER, SCORES_HEADER, Told, with_choice
from actors.router.rules import Choice

CHOICE = Choice("b", 0.75, "best-quality", {"a": 0.25, "b": 0.75})
TOLD = {
    "candidate": "b",
    "score": 0.75,
    "policy": "best-quality",
    "scores": {"a": 0.25, "b": 0.75},
    "why": "policy",
    "passed_over": {},
    "selector": None,
}


def event(**content: Any) -> str:
    return f"data: {json.dumps(content)}\n\n"


async def given(*chunks: str | Exception) -> AsyncIterator[str]:
    for chunk in chunks:
        if isinstance(chunk, Exception):
            raise chunk
        yield chunk


def streamed(*chunks: str | Exception, **options: Any) -> tuple[list[str], Told]:
    """The events that reach the caller, and what was read from them."""
    told: list[Told] = []
    choice = options.pop("choice", CHOICE)
    response = with_choice(StreamingResponse(given(*chunks)), choice, told.append, **options)
    assert isinstance(response, StreamingResponse)
    assert response.headers.get(CANDIDATE_HEADER) == (choice and "b")

    async def received() -> str:
        return "".join([str(chunk) async for chunk in response.body_iterator])

    events = asyncio.run(received()).split("\n\n")
    (found,) = told  # told once, at the end
    return [event.removeprefix("data: ") for event in events if event], found


def test_a_plain_response_carries_the_choice() -> None:
    told: list[Told] = []
    usage = {"prompt_tokens": 3, "completion_tokens": 5}
    answer = JSONResponse({"id": "x", "model": "b", "usage": usage})
    response = with_choice(answer, CHOICE, told.append)
    assert json.loads(bytes(response.body)) == {
        "id": "x",
        "model": "b",
        "usage": usage,
        "model_sat": TOLD,
    }
    assert response.headers[CANDIDATE_HEADER] == "b"
    assert json.loads(response.headers[SCORES_HEADER]) == {"a": 0.25, "b": 0.75}
    assert told == []  # nobody waits for it
    assert response.background
    asyncio.run(response.background())
    assert told == [Told("x", 3, 5)]
    assert with_choice(answer, None, told.append) is answer


def test_tokens_that_nobody_counted_are_not_known() -> None:
    told = Told()
    told.read({"id": "x", "usage": {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}})
    assert told == Told("x", None, None)


def test_a_streams_first_event_carries_the_choice() -> None:
    first, *others = streamed(event(n=1) + event(n=2), event(n=3), "data: [DONE]\n\n")[0]
    assert json.loads(first) == {"n": 1, "model_sat": TOLD}
    assert others == ['{"n": 2}', '{"n": 3}', "[DONE]"]


@pytest.mark.parametrize("choice", [CHOICE, None])
def test_token_counts_that_nobody_asked_for_are_read_and_left_out(choice: Choice | None) -> None:
    counts = {"prompt_tokens": 3, "completion_tokens": 5}
    chunks = (
        event(id="x", choices=[1], usage=None),
        event(id="x", choices=[2], usage=None) + event(id="x", choices=[], usage=counts),
        "data: [DONE]\n\n",
    )
    events, told = streamed(*chunks, choice=choice, drop_usage=True)
    assert [json.loads(found).get("choices") for found in events[:-1]] == [[1], [2]]
    assert events[-1] == "[DONE]"
    assert (told.prompt_tokens, told.completion_tokens, told.broken) == (3, 5, None)
    events, told = streamed(*chunks, choice=choice)
    assert json.loads(events[2])["usage"] == counts


def test_a_stream_without_counts_counts_its_events() -> None:
    _, told = streamed(*(event(id="x", n=n) for n in range(4)), "data: [DONE]\n\n")
    assert (told.response_id, told.prompt_tokens, told.completion_tokens) == ("x", None, 4)


@pytest.mark.parametrize("begun", [0, 1, 2])
def test_a_stream_that_breaks_ends_with_an_error(begun: int) -> None:
    events, told = streamed(*(event(id="x", n=n) for n in range(begun)), RuntimeError("gone"))
    assert len(events) == begun + 1
    error = json.loads(events[-1])["error"]
    assert error["message"] == "the answer broke off: RuntimeError: gone"
    assert told.broken == "RuntimeError: gone"


@pytest.mark.parametrize("error", [{"message": "out of\nmemory", "code": 502}, "out of memory"])
def test_an_error_event_is_the_last_and_is_told_of(error: Any) -> None:
    failed = event(error=error)
    for chunks in ([event(id="x", n=1), failed], [event(id="x", n=1) + failed], [failed]):
        events, told = streamed(*chunks, "data: [DONE]\n\n")
        assert json.loads(events[-1])["error"] == error
        assert told.broken == "out of memory"


def test_what_an_answer_says_of_streams_is_text() -> None:
    said = 'data: [DONE] , "error": {"message": "none"} and "usage": {}'
    events, told = streamed(*(event(said=said) for _ in range(3)))
    assert [json.loads(each)["said"] for each in events] == [said] * 3
    assert (told.completion_tokens, told.broken) == (3, None)


def test_a_caller_who_leaves_is_told_of_as_well() -> None:
    told: list[Told] = []
    response = with_choice(StreamingResponse(given(event(n=1), event(n=2))), CHOICE, told.append)
    assert isinstance(response, StreamingResponse)

    async def leave() -> None:
        stream: Any = response.body_iterator
        await anext(stream)
        await stream.aclose()

    asyncio.run(leave())
    assert [found.broken for found in told] == ["the caller left"]
