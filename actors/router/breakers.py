"""Circuit breakers: a candidate that keeps failing is left out until it may have recovered.

One breaker a candidate, in each ingress replica; ``pybreaker`` does the work. After
``BreakerSettings.failures`` failures in a row a breaker is open; ``seconds`` later one call is let
through: its success closes the breaker again, its failure opens it anew. A call that its caller
gives up is neither.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, NamedTuple, TypeAlias

from pybreaker import (
    STATE_CLOSED,
    STATE_HALF_OPEN,
    STATE_OPEN,
    CircuitBreaker,
    CircuitBreakerError,
    CircuitBreakerListener,
    CircuitMemoryStorage,
)

from cluster.settings import BreakerSettings

State: TypeAlias = Literal["closed", "half-open", "open"]
Changed: TypeAlias = Callable[[str, State], None]
LeftOutError = CircuitBreakerError


class Breakers:
    """The breakers of all candidates."""

    def __init__(
        self,
        settings: BreakerSettings,
        changed: Changed | None = None,
        forgiven: Sequence[type[BaseException]] = (),
    ) -> None:
        """When breakers open and for how long, who is told, and which errors are no failures."""
        self._settings = settings
        self._forgiven = tuple(forgiven)
        self._listeners = [] if changed is None else [changed]
        self._breakers: dict[str, _Breaker] = {}

    @contextmanager
    def calling(self, id: str) -> Iterator[None]:
        """Around a call of the candidate: what is raised within is its failure, or forgiven.

        Raises LeftOutError, before the block, if the candidate is left out.
        """
        breaker, stored = self._breaker(id)
        if stored.state == STATE_OPEN:
            seconds = timedelta(seconds=self._settings.seconds)
            if stored.opened_at and datetime.now(UTC) < stored.opened_at + seconds:
                raise LeftOutError(f"candidate '{id}' is left out")
            breaker.half_open()
        elif stored.state == STATE_HALF_OPEN:  # one call tries: if it hangs, no other one shall
            raise LeftOutError(f"candidate '{id}' is being tried")
        try:
            yield
        except asyncio.CancelledError:  # pybreaker would take it for a success
            if stored.state == STATE_HALF_OPEN:
                breaker.open()
            raise
        except BaseException as error:
            _count(breaker, failed=not isinstance(error, self._forgiven))
            raise
        _count(breaker, failed=False)

    def _breaker(self, id: str) -> "_Breaker":
        if id not in self._breakers:
            stored = CircuitMemoryStorage(STATE_CLOSED)
            breaker = CircuitBreaker(
                fail_max=self._settings.failures,
                reset_timeout=self._settings.seconds,
                state_storage=stored,
                listeners=[_Listener(id, changed) for changed in self._listeners],
            )
            self._breakers[id] = _Breaker(breaker, stored)
        return self._breakers[id]


class _Breaker(NamedTuple):
    breaker: CircuitBreaker
    stored: CircuitMemoryStorage


class _FailedError(Exception):
    """What a breaker counts."""


def _count(breaker: CircuitBreaker, failed: bool) -> None:
    def call() -> None:
        if failed:
            raise _FailedError

    # Open already: another call that was under way opened it.
    with suppress(_FailedError, CircuitBreakerError):
        breaker.call(call)


class _Listener(CircuitBreakerListener):
    def __init__(self, id: str, changed: Changed) -> None:
        self._id = id
        self._changed = changed

    def state_change(self, cb: Any, old_state: Any, new_state: Any) -> None:
        self._changed(self._id, new_state.name)
