"""The bodies of requests, read strictly: whatever is sent, the answer is an answer or a 4xx.

vLLM's models, which Ray's ingress takes, fail on some bodies that break their rules, and check
parts of others only when they are used. Here all of a body is read before anything is done with
it. What its parameters ask for is the candidate's business.
"""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import HTTPException, Request, Response
from fastapi.routing import APIRoute
from pydantic import (
    BaseModel,
    ConfigDict,
    ModelWrapValidatorHandler,
    ValidationError,
    model_validator,
)
from pydantic_core import from_json
from ray.serve.llm.openai_api_models import ChatCompletionRequest, CompletionRequest


class _StrictBody(BaseModel):
    # Prompts have no place in a log, and infinity has none in the JSON that candidates are sent.
    model_config = ConfigDict(hide_input_in_errors=True, allow_inf_nan=False)

    @model_validator(mode="wrap")
    @classmethod
    def _read(cls, given: Any, handler: ModelWrapValidatorHandler[Any]) -> Any:
        try:
            return cls._whole(handler(given))
        except ValidationError:
            raise
        except (TypeError, AttributeError, LookupError) as error:
            # Some of vLLM's validators look into values before their types are checked.
            raise ValueError("a value is of a wrong type") from error
        except Exception as error:  # vLLM has errors of its own, which pydantic lets through
            raise ValueError(str(error)) from error

    @classmethod
    def _whole(cls, body: Any) -> Any:
        return body


class ChatBody(_StrictBody, ChatCompletionRequest):  # type: ignore[misc]  # Ray's carry no types
    """Body of ``/v1/chat/completions``."""

    @classmethod
    def _whole(cls, body: Any) -> Any:
        """The body with its messages checked to the last part.

        Pydantic hands parts and tool calls over as iterators that check when they are read, once.
        """
        if not body.messages:
            raise ValueError("'messages' must hold at least one message")
        for message in body.messages:
            for key in ("content", "tool_calls"):
                if not isinstance(message.get(key), str | list | None):
                    message[key] = list(message[key])
        return body


class CompletionBody(_StrictBody, CompletionRequest):  # type: ignore[misc]
    """Body of ``/v1/completions``."""


class StrictRoute(APIRoute):
    """A route that reads JSON as RFC 8259 has it.

    Python's reader takes NaN, which no candidate's does, and halves of characters, on which
    tokenizers fail.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's handler, given a request that reads strictly."""
        handler = super().get_route_handler()

        async def strict(request: Request) -> Response:
            return await handler(_StrictRequest(request.scope, request.receive))

        return strict


class _StrictRequest(Request):
    async def json(self) -> Any:
        try:
            return from_json(await self.body(), allow_inf_nan=False)
        except ValueError as error:
            raise HTTPException(400, f"the body is no JSON: {error}") from error
