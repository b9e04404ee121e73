"""Who is asked next, and what is said when nobody answers; candidates are functions here."""

import asyncio
from collections.abc import Callable, Container, Mapping
from typing import Any

import pytest
from ray.exceptions import ActorDiedError, RayTaskError
from ray.llm._internal.serve.core.configs.openai_api_models import OpenAIHTTPException
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, Response

from actors.router.forwarding import Forwarding, NobodyAnsweredError
from actors.router.rules import Choice, Rules
from cluster.settings import BestQualityPolicy, BreakerSettings

SCORES = {"a": 0.9, "b": 0.8, "c": 0.1}
Errors = dict[str, Callable[[], Exception] | None]


def said(status: int, message: str = "no") -> Callable[[], Exception]:
    return lambda: OpenAIHTTPException(status, message)


def died() -> Exception:
    error: Exception = ActorDiedError()
    return error


def raised(cause: Exception) -> Callable[[], Exception]:
    return lambda: RayTaskError("chat", "trace", cause)


def forwarding(failures: int = 2, down: Container[str] = ()) -> Forwarding:
    """To candidates of which those in ``down`` have no replica left."""
    breaker = BreakerSettings(failures=failures, seconds=60)
    return Forwarding(breaker, 0.2, 0.4, lambda id: id in down)


def ask(
    errors: Errors,
    to: Forwarding | None = None,
    asked: list[str] | None = None,
    down: Mapping[str, str] | None = None,
    too_long: Mapping[str, str] | None = None,
    streams: bool = True,
) -> tuple[Response, Choice]:
    """Asks the candidates of SCORES, of which those in ``errors`` raise."""
    rules = Rules(BestQualityPolicy(), tuple(SCORES))

    async def send(id: str) -> Response:
        if asked is not None:
            asked.append(id)
        if id in errors:
            error = errors[id]
            if error is None:
                await asyncio.sleep(5)  # hangs
            else:
                raise error()
        return PlainTextResponse(id)

    def choice(passed_over: Mapping[str, str]) -> Choice | None:
        return rules.choice(SCORES, passed_over=passed_over)

    found = (to or forwarding()).answer(choice, send, too_long or {}, down or {}, streams)
    return asyncio.run(found)


def test_the_best_answers() -> None:
    response, choice = ask({})
    assert (response.body, choice.candidate, choice.why) == (b"a", "a", "policy")
    assert choice.passed_over == {}


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (said(429, "slow down"), "429: slow down"),
        (said(400, "This model's maximum context length is 8 tokens"), "maximum context length"),
        (said(401, "bad key"), "401: bad key"),
        (said(500), "500: no"),
        (died, "ActorDiedError"),
        (lambda: HTTPException(404, "no such model"), "404: no such model"),
        (raised(OSError("gone")), "gone"),
        (None, "did not begin within 0.2 s"),
    ],
)
def test_the_next_best_takes_over(error: Any, reason: str) -> None:
    response, choice = ask({"a": error})
    assert (response.body, choice.candidate, choice.why) == (b"b", "b", "fallback")
    assert reason in choice.passed_over["a"]


@pytest.mark.parametrize("error", [said(400, "n must be 1"), said(422)])
def test_a_wrong_request_is_not_sent_to_others(error: Any) -> None:
    asked: list[str] = []
    with pytest.raises(OpenAIHTTPException):
        ask({"a": error}, asked=asked)
    assert asked == ["a"]
    with pytest.raises(HTTPException, match="bad tool") as caught:
        ask({"a": raised(ValueError("bad tool"))})
    assert caught.value.status_code == 400


def test_wrong_requests_and_refusals_open_no_breaker() -> None:
    to = forwarding(failures=1)
    for error in (said(400), said(400)):
        with pytest.raises(OpenAIHTTPException):
            ask({"a": error}, to)
    ask({"a": said(429)}, to)
    assert ask({}, to)[1].candidate == "a"


def test_who_went_down_after_all_is_passed_over_without_being_asked() -> None:
    down, asked = {"b"}, list[str]()
    to = forwarding(down=down)
    assert to.down("abc") == {"b": "no replica of it is running"}
    down |= {"a"}  # since the caller looked
    _, choice = ask({}, to, asked, down={"b": "no replica of it is running"})
    assert (asked, choice.candidate, choice.why) == (["c"], "c", "fallback")
    assert choice.passed_over == dict.fromkeys("ab", "no replica of it is running")


def test_a_candidate_that_keeps_failing_is_not_asked() -> None:
    to, asked = forwarding(failures=2), list[str]()
    for _ in range(2):
        ask({"a": died}, to)
    _, choice = ask({"a": died}, to, asked)
    assert (asked, choice.why) == (["b"], "fallback")
    assert "left out" in choice.passed_over["a"]


def test_who_is_down_or_too_small_is_not_asked() -> None:
    asked: list[str] = []
    _, choice = ask({}, asked=asked, down={"a": "is down"}, too_long={"b": "is too long"})
    assert (asked, choice.candidate) == (["c"], "c")
    assert choice.passed_over == {"a": "is down", "b": "is too long"}


def test_when_nobody_is_left_the_unwell_are_asked_once_more() -> None:
    asked: list[str] = []
    with pytest.raises(HTTPException) as caught:
        ask(dict.fromkeys("abc", died), asked=asked)
    assert asked == ["a", "b", "c", "a", "b", "c"]
    assert caught.value.status_code == 503
    assert caught.value.detail.count("ActorDiedError") == 3
    asked.clear()
    all_down = dict.fromkeys("abc", "is down")
    assert ask({"a": died}, asked=asked, down=all_down)[1].candidate == "b"
    assert asked == ["a", "b"]


@pytest.mark.parametrize(
    ("errors", "too_long", "status"),
    [
        (dict.fromkeys("abc", said(429)), {}, 429),
        ({}, dict.fromkeys("abc", "is too long"), 400),
        (dict.fromkeys("ab", said(429)), {"c": "is too long"}, 429),
    ],
)
def test_what_is_said_when_all_refuse(errors: Errors, too_long: Any, status: int) -> None:
    with pytest.raises(NobodyAnsweredError, match="no candidate answered: a: ") as caught:
        ask(errors, too_long=too_long)
    assert caught.value.status_code == status
    assert caught.value.passed_over.keys() == set("abc")


def test_by_name_is_tried_twice_and_no_more() -> None:
    asked: list[str] = []

    async def flaky(id: str) -> Response:
        asked.append(id)
        if len(asked) < 2:
            raise died()
        return PlainTextResponse(id)

    assert asyncio.run(forwarding().by_name("a", flaky)).body == b"a"

    async def dead(id: str) -> Response:
        raise died()

    with pytest.raises(HTTPException, match="a: ActorDiedError") as caught:
        asyncio.run(forwarding().by_name("a", dead))
    assert caught.value.status_code == 503

    async def busy(id: str) -> Response:
        raise said(429)()

    with pytest.raises(OpenAIHTTPException):
        asyncio.run(forwarding().by_name("a", busy))


def test_latencies_are_those_of_answers() -> None:
    to = forwarding()
    ask({"a": said(500)}, to)
    assert set(to.latencies()) == {"b"}


def test_a_plain_answer_has_the_time_that_it_takes() -> None:
    async def slow(id: str) -> Response:
        await asyncio.sleep(0.3)
        return PlainTextResponse(id)

    to = forwarding()
    assert asyncio.run(to.by_name("a", slow, streams=False)).body == b"a"
    with pytest.raises(HTTPException, match="a: its answer did not begin within"):
        asyncio.run(to.by_name("a", slow, streams=True))
    _, choice = ask({"a": None}, to, streams=False)
    assert choice.passed_over == {"a": "its answer was not there within 0.4 s"}


def test_streams_and_plain_answers_are_timed_apart() -> None:
    to = forwarding()
    ask({}, to, streams=False)
    assert (set(to.latencies(streams=True)), set(to.latencies(streams=False))) == (set(), {"a"})
    assert set(to.latencies()) == {"a"}
    ask({}, to, streams=True)
    assert to.latencies() == pytest.approx(to.latencies(streams=True))


def test_an_answer_without_any_part_is_a_failure() -> None:
    def ended() -> Exception:
        return StopAsyncIteration()

    _, choice = ask({"a": ended})
    assert (choice.candidate, choice.passed_over) == ("b", {"a": "its answer was empty"})


def test_who_waits_for_a_candidate_that_goes_down_is_answered_by_another() -> None:
    down = set[str]()
    to = Forwarding(BreakerSettings(), 30, 30, lambda id: id in down)
    rules = Rules(BestQualityPolicy(), ("a", "b"))

    async def send(id: str) -> Response:
        if id == "a":
            await asyncio.sleep(20)
        return PlainTextResponse(id)

    async def ask_and_see_it_go_down() -> Choice:
        asked = asyncio.create_task(
            to.answer(lambda over: rules.choice(SCORES, passed_over=over), send, {}, {})
        )
        await asyncio.sleep(0.05)
        down.update("ac")
        _, choice = await asyncio.wait_for(asked, 5)
        return choice

    choice = asyncio.run(ask_and_see_it_go_down())
    assert (choice.candidate, choice.why) == ("b", "fallback")
    assert choice.passed_over == {"a": "no replica of it is running"}


def test_a_caller_who_leaves_is_not_asked_for_any_longer() -> None:
    left: list[str] = []

    async def send(id: str) -> Response:
        try:
            await asyncio.sleep(20)
        except asyncio.CancelledError:
            left.append(id)
            raise
        return PlainTextResponse(id)

    async def leave() -> None:
        rules = Rules(BestQualityPolicy(), ("a", "b"))
        asked = asyncio.create_task(
            forwarding().answer(lambda over: rules.choice(SCORES, passed_over=over), send, {}, {})
        )
        await asyncio.sleep(0.05)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked

    asyncio.run(leave())
    assert left == ["a"]
