"""Ray Serve's LLM servers for candidates without weights here: remote endpoint and stand-in.

Both take the place of Ray's ``LLMServer`` behind its OpenAI ingress, which wants from ``chat``
and ``completions`` a stream of one response object, or of server-sent events as text, or of an
ErrorResponse. Their engine's settings come in ``LLMConfig.engine_kwargs``. They start no vLLM.
"""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Iterator
from typing import Any, TypeAlias

import httpx
from ray.serve.llm import LLMConfig, LLMServer
from ray.serve.llm.openai_api_models import (
    ChatCompletionRequest,
    ChatCompletionResponse,
    CompletionRequest,
    CompletionResponse,
    ErrorResponse,
)

from cluster.zoo import RemoteEngine, StandInEngine

# Ray's classes carry no types: a ChatCompletionRequest or a CompletionRequest, and one item of
# an answer (text, ChatCompletionResponse, CompletionResponse or ErrorResponse).
Request: TypeAlias = Any
Part: TypeAlias = Any

_DONE = "data: [DONE]\n\n"
_BAD_GATEWAY, _GATEWAY_TIMEOUT = 502, 504


class EnginelessServer(LLMServer):  # type: ignore[misc]  # Ray's classes carry no types
    """What both share: no engine to start, and no more resources than are asked for."""

    async def __init__(self, llm_config: LLMConfig) -> None:  # type: ignore[misc]
        self._llm_config = llm_config
        self.engine = None  # LLMServer's own methods look for it: health, shutdown

    @classmethod
    def get_deployment_options(cls, llm_config: LLMConfig) -> dict[str, Any]:
        """The options as configured; LLMServer would add a placement group for vLLM."""
        return dict(llm_config.deployment_config)

    async def chat(
        self, request: ChatCompletionRequest, raw_request_info: Any = None
    ) -> AsyncIterator[Part]:
        """Answers ``/v1/chat/completions``."""
        async for part in self._answer("chat/completions", request, ChatCompletionResponse):
            yield part

    async def completions(
        self, request: CompletionRequest, raw_request_info: Any = None
    ) -> AsyncIterator[Part]:
        """Answers ``/v1/completions``."""
        async for part in self._answer("completions", request, CompletionResponse):
            yield part

    def _answer(self, path: str, request: Request, kind: Any) -> AsyncIterator[Part]:
        raise NotImplementedError


class RemoteServer(EnginelessServer):
    """Forwards requests to an OpenAI-compatible endpoint, all but the model's name unchanged."""

    answer_seconds = 300.0  # until a whole answer, or the next event of a stream

    async def __init__(self, llm_config: LLMConfig) -> None:  # type: ignore[misc]
        """Raises SettingsError if the variable of the API key is not set."""
        await super().__init__(llm_config)
        self._remote = RemoteEngine.model_validate(llm_config.engine_kwargs)
        key = self._remote.key()
        self._client = httpx.AsyncClient(
            base_url=self._remote.url.rstrip("/") + "/",
            headers={"Content-Type": "application/json"}
            | ({"Authorization": f"Bearer {key}"} if key else {}),
            timeout=httpx.Timeout(self.answer_seconds, connect=10.0),
            limits=httpx.Limits(max_connections=None),
        )

    async def _answer(self, path: str, request: Request, kind: Any) -> AsyncIterator[Part]:
        asked = request.model_copy(update={"model": self._remote.model})
        # As pydantic writes JSON: infinity, which some numbers become, is null in it.
        body = asked.model_dump_json(exclude_unset=True, warnings=False)
        started = False
        try:
            async with self._client.stream("POST", path, content=body) as response:
                if response.status_code != httpx.codes.OK:
                    text = (await response.aread()).decode(errors="replace")
                    yield _error(response.status_code, _message(text))
                elif request.stream:
                    async for line in response.aiter_lines():
                        if line.startswith("data:"):
                            started = True
                            yield self._event(line.removeprefix("data:").strip())
                else:
                    yield kind.model_validate(self._named(json.loads(await response.aread())))
        except (httpx.HTTPError, ValueError) as error:
            failed = _failure(error, self._remote.url)
            # Once a stream has begun its status is sent, and an error can only be an event.
            yield f"data: {failed.model_dump_json()}\n\n" if started else failed

    def _event(self, data: str) -> str:
        if data == "[DONE]":
            return _DONE
        return f"data: {json.dumps(self._named(json.loads(data)))}\n\n"

    def _named(self, answer: dict[str, Any]) -> dict[str, Any]:
        """The answer under the candidate's own name; what it counted is not always there."""
        if "model" in answer:
            answer["model"] = self._llm_config.model_id
        if "choices" in answer and answer.get("object") in ("chat.completion", "text_completion"):
            answer["usage"] = answer.get("usage") or {}
        return answer


def _failure(error: Exception, url: str) -> ErrorResponse:
    if isinstance(error, httpx.TimeoutException):
        return _error(_GATEWAY_TIMEOUT, f"{url}: gave no answer in time")
    if isinstance(error, httpx.HTTPError):
        return _error(_BAD_GATEWAY, f"{url}: {type(error).__name__}: {error}")
    return _error(_BAD_GATEWAY, f"{url}: the answer is not OpenAI's format: {error}")


def _error(status: int, message: str) -> ErrorResponse:
    detail = {"message": message, "type": "upstream_error", "code": status}
    return ErrorResponse.model_validate({"error": detail})


def _message(text: str) -> str:
    """The message of an OpenAI error body, or the body itself where it is none."""
    try:
        return str(json.loads(text)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return text


class StandInServer(EnginelessServer):
    """Answers every request with the same reply."""

    async def __init__(self, llm_config: LLMConfig) -> None:  # type: ignore[misc]
        await super().__init__(llm_config)
        self._stand_in = StandInEngine.model_validate(llm_config.engine_kwargs)

    async def _answer(self, path: str, request: Request, kind: Any) -> AsyncIterator[Part]:
        chat = kind is ChatCompletionResponse
        if not request.stream:
            await asyncio.sleep(self._stand_in.seconds)
            yield kind.model_validate(self._whole(request, chat))
            return
        events = list(self._events(request, chat))
        for event in events:
            await asyncio.sleep(self._stand_in.seconds / len(events))
            yield event

    def _whole(self, request: Request, chat: bool) -> dict[str, Any]:
        reply = self._stand_in.reply
        said = {"message": {"role": "assistant", "content": reply}} if chat else {"text": reply}
        return {
            "id": f"stand-in-{uuid.uuid4().hex}",
            "object": "chat.completion" if chat else "text_completion",
            "model": self._llm_config.model_id,
            "choices": [{"index": 0, "finish_reason": "stop", **said}],
            "usage": _usage(_chat_text(request) if chat else str(request.prompt), reply),
        }

    def _events(self, request: Request, chat: bool) -> Iterator[str]:
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
        if request.stream_options and request.stream_options.include_usage:
            yield f"data: {json.dumps({**whole, 'choices': [], 'usage': usage})}\n\n"
        yield _DONE


def _marked(items: list[str]) -> Iterator[tuple[str, bool]]:
    """Each item, and whether it is the last."""
    return ((item, index == len(items) - 1) for index, item in enumerate(items))


def _chat_text(request: Request) -> str:
    return " ".join(str(message.get("content")) for message in request.messages)


def _usage(asked: str, reply: str) -> dict[str, int]:
    prompt, completion = len(asked.split()), len(reply.split())
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }
