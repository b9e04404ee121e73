"""Sends a request to candidates in turn until one begins to answer.

Owns what counts as a candidate's failure, and who is asked next. Once an answer has begun there is
no way back: a stream that breaks later ends with an error event (``actors.router.responses``).
"""

import asyncio
import re
from collections.abc import Callable, Coroutine, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any

from ray.exceptions import RayError, RayTaskError

# Ray does not publish what its ingress raises for an error that a candidate answered with.
from ray.llm._internal.serve.core.configs.openai_api_models import OpenAIHTTPException
from ray.serve.exceptions import RayServeException
from starlette.exceptions import HTTPException
from starlette.responses import Response

from actors.router.breakers import Breakers, Changed, LeftOutError
from actors.router.latency import Latencies
from actors.router.refusals import short
from actors.router.rules import Choice
from actors.router.waiting import WentDownError, until_down
from cluster.settings import BreakerSettings

_BAD_REQUEST, _TOO_LARGE, _UNPROCESSABLE, _TOO_MANY, _UNAVAILABLE = 400, 413, 422, 429, 503
_TOO_LONG = re.compile(r"context length|context window|max_model_len", re.IGNORECASE)
_DOWN = "no replica of it is running"

Send = Callable[[str], Coroutine[Any, Any, Response]]
Next = Callable[[Mapping[str, str]], Choice | None]


class DeclinedError(Exception):
    """A candidate is well, but does not take this request; another one may."""


class WrongRequestError(Exception):
    """The request itself is wrong; no other candidate would take it."""


class CandidateError(Exception):
    """A candidate did not answer."""


class NobodyAnsweredError(HTTPException):
    """No candidate answered; ``passed_over`` says why of each, by id."""

    def __init__(self, status: int, passed_over: Mapping[str, str]) -> None:
        told = "; ".join(f"{id}: {why}" for id, why in sorted(passed_over.items()))
        super().__init__(status, f"no candidate answered: {told or 'there is none'}")
        self.passed_over = passed_over


class Forwarding:
    """Asks candidates, and remembers how each of them did."""

    def __init__(
        self,
        breaker: BreakerSettings,
        first_token_seconds: float,
        answer_seconds: float,
        is_down: Callable[[str], bool],
        changed: Changed | None = None,
    ) -> None:
        """
        Args:
            breaker: when a candidate that fails is left out.
            first_token_seconds: that a stream may take to begin.
            answer_seconds: that a plain answer may take to be there.
            is_down: whether no replica of a candidate is left.
            changed: is told of breakers that open or close.
        """
        self._is_down = is_down
        self._breakers = Breakers(breaker, changed, forgiven=(DeclinedError, WrongRequestError))
        # Of a plain answer nothing is seen before it is whole: to compare it with the first token
        # of a stream would call every long answer slow.
        self._latencies = {streams: Latencies() for streams in (True, False)}
        self._seconds = {True: first_token_seconds, False: answer_seconds}

    def latencies(self, streams: bool | None = None) -> dict[str, float]:
        """Expected seconds until a stream begins, or a plain answer is there, by candidate id.

        None: until a stream begins; of candidates that lately streamed nothing, a plain answer.
        """
        if streams is None:
            return self.latencies(streams=False) | self.latencies(streams=True)
        return self._latencies[streams].expected()

    def down(self, ids: Iterable[str]) -> dict[str, str]:
        """Of these candidates those of which no replica is left, and what to say of them."""
        return {id: _DOWN for id in ids if self._is_down(id)}

    async def answer(
        self,
        next_choice: Next,
        send: Send,
        too_long: Mapping[str, str],
        down: Mapping[str, str],
        streams: bool = False,
    ) -> tuple[Response, Choice]:
        """The first answer that begins, and the choice that it is of.

        Candidates that are down, or failed, are asked once more when nobody else is left: they may
        be back by then, and a request is not lost lightly.

        Args:
            next_choice: the best candidate besides those passed over; None if there is none.
            send: sends the request to a candidate; returns once its answer has begun.
            too_long: by id, whom the instruction does not fit.
            down: by id, who is not running.
            streams: whether a stream is asked for.

        Raises:
            NobodyAnsweredError: 400 if the instruction is too long for all, 429 if all are busy,
                503 else.
            OpenAIHTTPException: a candidate said that the request is wrong.
        """
        passed_over, unwell = {**down, **too_long}, set(down) - set(too_long)
        fallback = busy = False
        for guarded in (True, False):
            if not guarded:
                passed_over = {id: why for id, why in passed_over.items() if id not in unwell}
            while choice := next_choice(passed_over):
                id = choice.candidate
                try:
                    guard = self._breakers.calling(id) if guarded else nullcontext()
                    asking = self._leaving(send) if guarded else send
                    response = await self._ask(id, asking, guard, streams)
                except DeclinedError as error:
                    passed_over[id], busy = str(error), busy or _status(error) == _TOO_MANY
                except LeftOutError:
                    passed_over[id] = "it failed again and again, and is left out for now"
                    unwell.add(id)
                except CandidateError as error:
                    passed_over[id] = str(error)
                    unwell.add(id)
                except WrongRequestError as error:
                    raise _original(error) from error
                else:
                    return response, replace(choice, why="fallback") if fallback else choice
                fallback = True
        status = _UNAVAILABLE if unwell else _TOO_MANY if busy else _BAD_REQUEST
        raise NobodyAnsweredError(status, passed_over)

    async def by_name(self, id: str, send: Send, streams: bool = False) -> Response:
        """The answer of the candidate that was asked for; what fails is tried once more.

        Raises:
            HTTPException: 503 if the candidate did not answer.
            OpenAIHTTPException: what the candidate answered with.
        """
        for again in (True, False):
            try:
                return await self._ask(id, send, nullcontext(), streams)
            except (DeclinedError, WrongRequestError) as error:
                raise _original(error) from error
            except CandidateError as error:
                if not again:
                    raise HTTPException(_UNAVAILABLE, f"{id}: {error}") from error
        raise AssertionError("unreachable")

    def _leaving(self, send: Send) -> Send:
        """``send`` that gives up when its candidate goes down."""

        async def leaving(id: str) -> Response:
            try:
                return await until_down(lambda: send(id), lambda: self._is_down(id))
            except WentDownError as error:
                raise CandidateError(_DOWN) from error

        return leaving

    async def _ask(
        self, id: str, send: Send, guard: AbstractContextManager[Any], streams: bool
    ) -> Response:
        seconds = self._seconds[streams]
        with guard, self._latencies[streams].waiting(id):
            try:
                async with asyncio.timeout(seconds):
                    return await send(id)
            except TimeoutError as error:
                late = "did not begin" if streams else "was not there"
                raise CandidateError(f"its answer {late} within {seconds:g} s") from error
            except StopAsyncIteration as error:  # out of Ray's ingress: not one part came
                raise CandidateError("its answer was empty") from error
            except OpenAIHTTPException as error:
                raise _meaning(error) from error
            except HTTPException as error:  # Ray's ingress: the candidate left just now
                raise CandidateError(f"{error.status_code}: {error.detail}") from error
            except (RayError, RayServeException) as error:
                raise _accident(error) from error


def _meaning(error: OpenAIHTTPException) -> Exception:
    """What an error that a candidate answered with says: of the request, or of itself."""
    reason = f"{error.status_code}: {short(error.message)}"
    if error.status_code == _TOO_MANY or _TOO_LONG.search(error.message):
        return DeclinedError(reason)
    if error.status_code in (_BAD_REQUEST, _TOO_LARGE, _UNPROCESSABLE):
        return WrongRequestError(reason)
    # A key refused or a model not found: the operator's mistake, not the caller's.
    return CandidateError(reason)


def _accident(error: Exception) -> Exception:
    """What an exception says that came in place of an answer."""
    if isinstance(error, RayTaskError):
        error = error.cause
        if isinstance(error, ValueError | TypeError):
            return WrongRequestError(short(error))
    return CandidateError(f"{type(error).__name__}: {short(error)}")


def _original(error: Exception) -> Exception:
    cause = error.__cause__
    return cause if isinstance(cause, OpenAIHTTPException) else HTTPException(400, str(error))


def _status(error: Exception) -> int:
    return int(getattr(error.__cause__, "status_code", _UNAVAILABLE))
