"""A handle to a server that speaks JSON, as Ray's OpenAI ingress takes handles to its own servers.

The ingress gives requests of its classes, and wants their answers: one response object or one
ErrorResponse, or server-sent events as text. The servers are ``actors.candidate.servers``.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, TypeAlias

from pydantic import ValidationError
from ray.serve.handle import DeploymentHandle
from ray.serve.llm.openai_api_models import (
    ChatCompletionResponse,
    CompletionResponse,
    ErrorResponse,
)

# Ray's classes carry no types: a request, and a response, an ErrorResponse or text.
Request: TypeAlias = Any
Part: TypeAlias = Any

_BAD_GATEWAY = 502


class JsonHandle:
    """Asks ``chat`` and ``completions`` of the deployment that ``handle`` leads to."""

    def __init__(self, handle: DeploymentHandle) -> None:
        self._handle = handle
        self.chat = _Method(handle.chat, ChatCompletionResponse)
        self.completions = _Method(handle.completions, CompletionResponse)

    @property
    def app_name(self) -> str:
        """Of the application that the deployment is a part of."""
        return str(self._handle.app_name)

    @property
    def deployment_name(self) -> str:
        """Within its application."""
        return str(self._handle.deployment_name)

    def options(self, **options: Any) -> "JsonHandle":
        """As those of a DeploymentHandle."""
        return JsonHandle(self._handle.options(**options))


@dataclass(frozen=True)
class _Method:
    handle: DeploymentHandle
    response: Any

    async def remote(self, request: Request, raw_request_info: Any = None) -> AsyncIterator[Part]:
        """What the server answers; who asked (``raw_request_info``) is not its business."""
        # As pydantic writes JSON: infinity, which some numbers become, is null in it.
        body = request.model_dump_json(exclude_unset=True, warnings=False)
        async for part in self.handle.remote(body):
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
