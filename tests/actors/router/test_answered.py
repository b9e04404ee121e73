"""Classes of reasons: those that the router itself gives, and nothing of what was said."""

import asyncio
from collections.abc import Callable

import pytest
from ray.exceptions import ActorDiedError
from ray.llm._internal.serve.core.configs.openai_api_models import OpenAIHTTPException
from starlette.responses import PlainTextResponse, Response

from actors.router.answered import REASONS, reason_class
from actors.router.forwarding import Forwarding
from actors.router.rules import Choice, Rules
from cluster.settings import BestQualityPolicy, BreakerSettings

Error = Callable[[], BaseException] | None


def reason(error: Error, calls: int = 1) -> str:
    """Why candidate ``a`` does not answer that raises ``error``, or hangs where there is none."""
    rules = Rules(BestQualityPolicy(), ("a", "b"))
    to = Forwarding(BreakerSettings(failures=1, seconds=60), 0.05, 0.05, lambda _: False)

    async def send(id: str) -> Response:
        if id == "a" and error is None:
            await asyncio.sleep(5)
        if id == "a" and error is not None:
            raise error()
        return PlainTextResponse(id)

    async def last() -> Choice:
        for _ in range(calls):
            _, choice = await to.answer(
                lambda passed_over: rules.choice({"a": 1.0, "b": 0.0}, passed_over=passed_over),
                send,
                {},
                {},
            )
        return choice

    return asyncio.run(last()).passed_over["a"]


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (None, "timeout"),
        (lambda: OpenAIHTTPException(429, "'my secret'"), "busy"),
        (lambda: OpenAIHTTPException(400, "the context length is 8 of 'my secret'"), "too-long"),
        (lambda: OpenAIHTTPException(500, "'my secret'"), "refused"),
        (ActorDiedError, "failed"),
    ],
)
def test_what_forwarding_says_has_a_class(error: Error, expected: str) -> None:
    assert reason_class(reason(error)) == expected


def test_whom_the_breaker_keeps_out_has_a_class() -> None:
    assert reason_class(reason(ActorDiedError, calls=2)) == "breaker"


def test_whom_the_instruction_does_not_fit_has_a_class() -> None:
    rules = Rules(BestQualityPolicy(), ("a",), windows={"a": 10})
    assert reason_class(rules.too_long(1000, 10)["a"]) == "too-long"


def test_who_is_not_running_has_a_class() -> None:
    assert reason_class("no replica of it is running") == "down"


@pytest.mark.parametrize("said", ["", "my secret", "the timeout", "my secret: 429: busy"])
def test_anything_else_is_other(said: str) -> None:
    assert reason_class(said) == "other"
    assert "other" in REASONS
