"""Circuit breakers: a candidate that keeps failing is left out until it may have recovered.

One breaker a candidate, in each ingress replica; ``pybreaker`` does the work. After
``BreakerSettings.failures`` failures in a row a breaker is open; ``seconds`` later one success
closes it again, one failure opens it anew.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Literal, TypeAlias

from pybreaker import CircuitBreaker, CircuitBreakerError, CircuitBreakerListener

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
        self._forgiven: list[Any] = [asyncio.CancelledError, *forgiven]
        self._listeners = [] if changed is None else [changed]
        self._breakers: dict[str, CircuitBreaker] = {}

    def calling(self, id: str) -> AbstractContextManager[Any]:
        """Around a call of the candidate: what is raised within is its failure, or forgiven.

        Raises LeftOutError, before the block, if the candidate is left out.
        """
        if id not in self._breakers:
            self._breakers[id] = CircuitBreaker(
                fail_max=self._settings.failures,
                reset_timeout=self._settings.seconds,
                exclude=self._forgiven,
                throw_new_error_on_trip=False,
                listeners=[_Listener(id, changed) for changed in self._listeners],
            )
        found: AbstractContextManager[Any] = self._breakers[id].calling()
        return found


class _Listener(CircuitBreakerListener):
    def __init__(self, id: str, changed: Changed) -> None:
        self._id = id
        self._changed = changed

    def state_change(self, cb: Any, old_state: Any, new_state: Any) -> None:
        self._changed(self._id, new_state.name)
