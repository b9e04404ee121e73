"""Writes the choice into an answer, and reads what the answer says of itself.

A plain answer is one JSON object. A stream is server-sent events: the choice stands in the first
one; a stream that breaks ends with an error event, never silently.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from fastapi.responses import StreamingResponse
from starlette.background import BackgroundTask
from starlette.responses import Response

from actors.router.refusals import openai_error, short
from actors.router.rules import Choice

CANDIDATE_HEADER = "x-model-sat-candidate"
SCORES_HEADER = "x-model-sat-scores"
_EVENT = "data: "
_END = "\n\n"
_DONE = "[DONE]"
_LAST = f"{_EVENT}{_DONE}{_END}"
# JSON escapes quotes and line ends within text: only keys are found by this, and events by _END.
_TELLING = re.compile(r'"usage":\s*\{|"error":\s*["{]')


@dataclass
class Told:
    """What an answer said of itself; None where it said nothing."""

    response_id: str = ""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    broken: str | None = None

    def read(self, answer: dict[str, Any]) -> None:
        """Takes over what stands in an answer, or in an event of one."""
        self.response_id = self.response_id or str(answer.get("id", ""))
        usage = answer.get("usage") or {}
        if usage.get("prompt_tokens"):  # no prompt has none: endpoints that did not count
            self.prompt_tokens = usage.get("prompt_tokens")
            self.completion_tokens = usage.get("completion_tokens")
        if error := answer.get("error"):
            message = error.get("message") if isinstance(error, dict) else None
            self.broken = short(message or error)


def choice_headers(choice: Choice) -> dict[str, str]:
    """The choice as HTTP headers."""
    return {CANDIDATE_HEADER: choice.candidate, SCORES_HEADER: json.dumps(choice.scores)}


def with_choice(
    response: Response,
    choice: Choice | None,
    ended: Callable[[Told], None] | None = None,
    drop_usage: bool = False,
) -> Response:
    """The response with the choice in its headers and its JSON, or in a stream's first event.

    Args:
        response: a candidate's.
        choice: None where the candidate was asked for by name.
        ended: told once, after an answer that was chosen is sent.
        drop_usage: leave out a stream's event of token counts, for which the caller did not ask.
    """
    if isinstance(response, StreamingResponse):
        response.headers.update(choice_headers(choice) if choice else {})
        response.body_iterator = _stream(response.body_iterator, choice, ended, drop_usage)
        return response
    if choice is None:
        return response
    body = bytes(response.body)
    assert body.endswith(b"}"), "an answer is a JSON object"

    async def tell() -> None:
        told = Told()
        told.read(json.loads(body))
        if ended:
            ended(told)

    # Put in as bytes, and read when it is sent: nobody waits for what only we want to know.
    said = json.dumps(asdict(choice)).encode()
    return Response(
        body[:-1] + b',"model_sat":' + said + b"}",
        response.status_code,
        choice_headers(choice),
        "application/json",
        BackgroundTask(tell),
    )


async def _stream(
    chunks: Any, choice: Choice | None, ended: Callable[[Told], None] | None, drop_usage: bool
) -> AsyncIterator[str]:
    told, tokens, told_choice = Told(), 0, choice is None
    try:
        async for chunk in chunks:
            if told.broken:  # nothing follows the error, not even [DONE]
                continue
            if told_choice and not _TELLING.search(chunk):  # most chunks pass as they are
                tokens += chunk.count(_END) - chunk.count(_LAST)
                yield chunk
                continue
            kept = []
            for data in _events(chunk):
                if data == _DONE:
                    kept.append(_LAST)
                    continue
                event = json.loads(data)
                tokens += 1
                told.read(event)
                if drop_usage and event.get("usage") and not event.get("choices"):
                    continue
                if drop_usage:
                    event.pop("usage", None)
                if not told_choice:
                    assert choice
                    event["model_sat"], told_choice = asdict(choice), True
                kept.append(f"{_EVENT}{json.dumps(event)}{_END}")
                if told.broken:
                    break
            yield "".join(kept)
    except (asyncio.CancelledError, GeneratorExit):
        told.broken = "the caller left"
        raise
    except Exception as error:  # whatever it is: the caller must hear of it
        told.broken = short(f"{type(error).__name__}: {error}")
        lost = openai_error(502, f"the answer broke off: {told.broken}")
        yield f"{_EVENT}{json.dumps(lost)}{_END}"
    finally:
        if told.completion_tokens is None:
            told.completion_tokens = tokens  # an event holds a token or two
        if ended:
            ended(told)


def _events(chunk: str) -> Iterator[str]:
    """The data of the events in a chunk, which may hold several."""
    for event in chunk.split(_END):
        if data := event.removeprefix(_EVENT).strip():
            yield data
