"""How Ray's OpenAI ingress reaches a candidate's server.

The ingress gives requests of its classes, and wants their answers: one response object or one
ErrorResponse, or server-sent events as text. Ray's own servers do that; those that speak JSON
(``actors.candidate.servers``) are translated for. Who stops waiting for an answer ends the request:
Serve's handles leave it to itself, and the candidate would go on generating for nobody.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

from pydantic import ValidationError
from ray.serve.handle import DeploymentHandle, DeploymentResponseGenerator
from ray.serve.llm.openai_api_models import (
    ChatCompletionResponse,
    CompletionResponse,
    ErrorResponse,
)

# Ray's classes carry no types: a request, and a response, an ErrorResponse or text.
Request: TypeAlias = Any
Part: TypeAlias = Any

_BAD_GATEWAY = 502
_ERROR_EVENT = re.compile(r'data:\s*(\{"error":.*\})\s*\n\n')


class CandidateHandle:
    """Asks ``chat`` and ``completions`` of the deployment that ``handle`` leads to."""

    def __init__(self, handle: DeploymentHandle) -> None:
        self._handle = handle
        self.chat = _Method(handle.chat)
        self.completions = _Method(handle.completions)

    @property
    def left(self) -> int | None:
        """How many replicas there are to ask: see ``replicas_left``."""
        return replicas_left(self._handle)

    def options(self, **options: Any) -> "CandidateHandle":
        """As those of a DeploymentHandle."""
        return type(self)(self._handle.options(**options))


class JsonHandle(CandidateHandle):
    """As its base, of a server that speaks JSON."""

    def __init__(self, handle: DeploymentHandle) -> None:
        super().__init__(handle)
        self.chat = _JsonMethod(handle.chat, ChatCompletionResponse)
        self.completions = _JsonMethod(handle.completions, CompletionResponse)


@dataclass(frozen=True)
class _Method:
    handle: DeploymentHandle

    async def remote(self, request: Request, raw_request_info: Any = None) -> AsyncIterator[Part]:
        """What the server answers; a stream that begins with an error is that error."""
        begun = False
        with _while_waited_for(self.handle.remote(request, raw_request_info)) as parts:
            async for part in parts:
                yield part if begun else _error_of(part) or part
                begun = True


@dataclass(frozen=True)
class _JsonMethod(_Method):
    response: Any

    async def remote(self, request: Request, raw_request_info: Any = None) -> AsyncIterator[Part]:
        """What the server answers; who asked (``raw_request_info``) is not its business."""
        # As pydantic writes JSON: infinity, which some numbers become, is null in it.
        body = request.model_dump_json(exclude_unset=True, warnings=False)
        with _while_waited_for(self.handle.remote(body)) as parts:
            async for part in parts:
                yield part if isinstance(part, str) else self._answer(part)

    def _answer(self, answer: dict[str, Any]) -> Part:
        if answer.get("error"):
            return ErrorResponse.model_validate(answer)
        try:
            return self.response.model_validate(answer)
        except ValidationError as error:
            said = f"the answer is not OpenAI's format: {error}"
            detail = {"message": said, "type": "upstream_error", "code": _BAD_GATEWAY}
            return ErrorResponse.model_validate({"error": detail})


def _error_of(part: Part) -> Part | None:
    """The error that a stream begins with: vLLM sends it as an event, and Ray may join several."""
    first = part[0] if isinstance(part, list) and part else part
    if not isinstance(first, str) or not (found := _ERROR_EVENT.match(first)):
        return None
    return ErrorResponse.model_validate_json(found[1])


def replicas_left(handle: DeploymentHandle) -> int | None:
    """How many replicas of a deployment there are to ask; None: the handle has not heard yet.

    Serve tells its handles of each change, and they see for themselves that a replica died. It does
    not publish what they know; to ask its controller instead takes long, and is late.
    """
    router: Any = handle._router  # there once an option was set, or somebody asked
    known = router and router._asyncio_router._request_router
    return len(known.curr_replicas) if known else None


@contextmanager
def _while_waited_for(
    parts: DeploymentResponseGenerator,
) -> Iterator[DeploymentResponseGenerator]:
    try:
        yield parts
    except (asyncio.CancelledError, GeneratorExit):
        parts.cancel()
        raise
