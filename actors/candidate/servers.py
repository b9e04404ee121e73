"""The servers of candidates without weights here: a remote endpoint, and the stand-in.

Both take the place of Ray's ``LLMServer``. They speak JSON instead of its classes, for those bring
vLLM along: so a replica starts in seconds and stays small. ``actors.candidate.handle`` is what they
look like to Ray's ingress. A request is an OpenAI body as text. What ``chat`` and ``completions``
stream is one answer, or one ``{"error": ...}``, as an object; or server-sent events, as text. A
stream that fails before its first event is one error: somebody else may be asked then. They are
generators themselves, for that is what Serve looks for.
"""

import asyncio
import json
import re
import uuid
from collections.abc import AsyncIterator, Iterator
from typing import Any, TypeAlias

import httpx

from cluster.zoo import RemoteEngine, StandInEngine

Json: TypeAlias = dict[str, Any]
Part: TypeAlias = Json | str

_DONE = "data: [DONE]\n\n"
_LINE_END = re.compile(rb"\r\n|\n|\r")
_BAD_GATEWAY, _GATEWAY_TIMEOUT = 502, 504
_ERROR_STATUSES = range(400, 600)


class _RefusedError(Exception):
    """The endpoint said itself that it does not answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class RemoteServer:
    """Forwards requests to an OpenAI-compatible endpoint, all but the model's name unchanged."""

    answer_seconds = 300.0  # until a whole answer, or the next event of a stream

    def __init__(self, id: str, engine: RemoteEngine) -> None:
        """Raises SettingsError if the variable of the API key is not set."""
        self._id, self._remote = id, engine
        key = engine.key()
        self._client = httpx.AsyncClient(
            base_url=engine.url.rstrip("/") + "/",
            headers={"Content-Type": "application/json"}
            | ({"Authorization": f"Bearer {key}"} if key else {}),
            timeout=httpx.Timeout(self.answer_seconds, connect=10.0),
            limits=httpx.Limits(max_connections=None),
        )

    async def chat(self, request: str) -> AsyncIterator[Part]:
        """Answers ``/v1/chat/completions``."""
        async for part in self._answer("chat/completions", request):
            yield part

    async def completions(self, request: str) -> AsyncIterator[Part]:
        """Answers ``/v1/completions``."""
        async for part in self._answer("completions", request):
            yield part

    async def _answer(self, path: str, request: str) -> AsyncIterator[Part]:
        asked = json.loads(request) | {"model": self._remote.model}
        started = False
        try:
            async with self._client.stream("POST", path, content=json.dumps(asked)) as response:
                if response.status_code != httpx.codes.OK:
                    text = (await response.aread()).decode(errors="replace")
                    raise _RefusedError(response.status_code, _message(text))
                if not asked.get("stream"):
                    yield self._named(json.loads(await response.aread()))
                    return
                async for event in self._events(response):
                    started = True
                    yield event
        except (_RefusedError, httpx.HTTPError, ValueError) as error:
            failed = _failure(error)
            # Once a stream has begun its status is sent, and an error can only be an event.
            yield f"data: {json.dumps(failed)}\n\n" if started else failed

    async def _events(self, response: httpx.Response) -> AsyncIterator[str]:
        """The events of a stream; raises where it breaks, also where it only ends too early."""
        finished: dict[str, bool] = {}  # by the index of a choice
        async for line in _lines(response):
            if not line.startswith("data:"):
                continue
            data = line.removeprefix("data:").strip()
            if data == "[DONE]":
                if finished:
                    yield _DONE
                    return  # whatever becomes of the connection
                break
            event = self._named(json.loads(data))
            for choice in _choices(event):
                index = str(choice.get("index"))
                finished[index] = finished.get(index, False) or bool(choice.get("finish_reason"))
            yield f"data: {json.dumps(event)}\n\n"
        # Some endpoints send no [DONE], but say of each choice why it is finished.
        if not finished or not all(finished.values()):
            raise ValueError("the stream ended before an answer did")

    def _named(self, answer: Json) -> Json:
        """The answer under the candidate's own name; what it counted is not always there."""
        if not isinstance(answer, dict):
            raise ValueError("no JSON object")
        if error := answer.get("error"):
            raise _refused(error)
        if "model" in answer:
            answer["model"] = self._id
        if "choices" in answer and answer.get("object") in ("chat.completion", "text_completion"):
            answer["usage"] = answer.get("usage") or {}
        return answer


async def _lines(response: httpx.Response) -> AsyncIterator[str]:
    """Lines as server-sent events have them; httpx's end at U+2028 too, which JSON may hold."""
    rest = b""
    async for piece in response.aiter_bytes():
        *lines, rest = _LINE_END.split(rest + piece)
        for line in lines:
            yield line.decode(errors="replace")
    yield rest.decode(errors="replace")


def _choices(event: Json) -> list[Json]:
    choices = event.get("choices") or []
    if not isinstance(choices, list) or not all(isinstance(choice, dict) for choice in choices):
        raise ValueError("'choices' is no list of JSON objects")
    return choices


def _refused(error: Any) -> _RefusedError:
    """What an answer's ``error`` says: OpenAI's object, or whatever else the endpoint wrote."""
    told = error if isinstance(error, dict) else {}
    code: Any = told.get("code")
    status = code if code in _ERROR_STATUSES else _BAD_GATEWAY
    return _RefusedError(status, str(told.get("message") or error))


def _failure(error: Exception) -> Json:
    """What callers are told. Where the endpoint is, and what it was sent, is not their business."""
    if isinstance(error, _RefusedError):
        return _error(error.status, str(error))
    if isinstance(error, httpx.TimeoutException):
        return _error(_GATEWAY_TIMEOUT, "the remote endpoint gave no answer in time")
    if isinstance(error, httpx.HTTPError):
        return _error(_BAD_GATEWAY, f"the remote endpoint: {type(error).__name__}")
    message = f"the remote endpoint: the answer is not OpenAI's format: {error}"
    return _error(_BAD_GATEWAY, message)


def _error(status: int, message: str) -> Json:
    return {"error": {"message": message, "type": "upstream_error", "code": status}}


def _message(text: str) -> str:
    """The message of an OpenAI error body, or the body itself where it is none."""
    try:
        return str(json.loads(text)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return text


class StandInServer:
    """Answers every request with the same reply."""

    def __init__(self, id: str, engine: StandInEngine) -> None:
        self._id, self._stand_in = id, engine

    async def chat(self, request: str) -> AsyncIterator[Part]:
        """Answers ``/v1/chat/completions``."""
        async for part in self._answer(json.loads(request), chat=True):
            yield part

    async def completions(self, request: str) -> AsyncIterator[Part]:
        """Answers ``/v1/completions``."""
        async for part in self._answer(json.loads(request), chat=False):
            yield part

    async def _answer(self, request: Json, chat: bool) -> AsyncIterator[Part]:
        if not request.get("stream"):
            await asyncio.sleep(self._stand_in.seconds)
            yield self._whole(request, chat)
            return
        events = list(self._events(request, chat))
        for event in events:
            await asyncio.sleep(self._stand_in.seconds / len(events))
            yield event

    def _whole(self, request: Json, chat: bool) -> Json:
        reply = self._stand_in.reply
        said = {"message": {"role": "assistant", "content": reply}} if chat else {"text": reply}
        return {
            "id": f"stand-in-{uuid.uuid4().hex}",
            "object": "chat.completion" if chat else "text_completion",
            "model": self._id,
            "choices": [{"index": 0, "finish_reason": "stop", **said}],
            "usage": _usage(_chat_text(request) if chat else str(request["prompt"]), reply),
        }

    def _events(self, request: Json, chat: bool) -> Iterator[str]:
        """The reply word by word, as events of a stream."""
        whole = self._whole(request, chat)
        usage = whole.pop("usage")
        whole["object"] = "chat.completion.chunk" if chat else "text_completion"
        whole["created"] = 0
        words = self._stand_in.reply.split(" ")
        pieces = [word if last else f"{word} " for word, last in _marked(words)]
        for piece, last in _marked(pieces):
            said = {"delta": {"role": "assistant", "content": piece}} if chat else {"text": piece}
            choice = {"index": 0, "finish_reason": "stop" if last else None, **said}
            yield f"data: {json.dumps({**whole, 'choices': [choice]})}\n\n"
        if (request.get("stream_options") or {}).get("include_usage"):
            yield f"data: {json.dumps({**whole, 'choices': [], 'usage': usage})}\n\n"
        yield _DONE


def _marked(items: list[str]) -> Iterator[tuple[str, bool]]:
    """Each item, and whether it is the last."""
    return ((item, index == len(items) - 1) for index, item in enumerate(items))


def _chat_text(request: Json) -> str:
    return " ".join(str(message.get("content")) for message in request["messages"])


def _usage(asked: str, reply: str) -> dict[str, int]:
    prompt, completion = len(asked.split()), len(reply.split())
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }
