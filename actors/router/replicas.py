"""The replicas of a deployment, as far as those who ask it can tell whether any is left.

Serve counts them, and takes seconds to notice that one died; a request that was on it knows at
once. What a deployment without replicas is asked, Serve keeps until one is back, which takes
minutes for large ones: who waits for that is let go here.
"""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from ray.exceptions import ActorDiedError, RayActorError

from actors.candidate.online import HEALTH

T = TypeVar("T")

# That somebody died, if Serve never counts fewer: it asks each of them that often.
_BELIEVED_SECONDS = 5 * HEALTH["health_check_period_s"]


class WentDownError(Exception):
    """Nobody is there to answer."""


class Replicas:
    """How many of one deployment are left, and who waits for their answers."""

    def __init__(self) -> None:
        self._counted: int | None = None
        self._died: dict[str, float] = {}  # since Serve counted fewer: when, by actor id
        self._last_failure = -math.inf  # of a replica
        self._asking: dict[asyncio.Task[Any], float] = {}  # since when

    @property
    def down(self) -> bool:
        """Whether none is left."""
        return self._counted is not None and self._counted <= self._unnoticed()

    @property
    def in_doubt(self) -> bool:
        """Whether Serve should be asked soon: none is left, or one has failed just now."""
        return self.down or time.monotonic() - self._last_failure < _BELIEVED_SECONDS

    @property
    def longest_wait(self) -> float:
        """Seconds that the oldest question is waiting for its answer."""
        return max((time.monotonic() - since for since in self._asking.values()), default=0.0)

    def counted(self, serving: int | None) -> None:
        """Takes up how many Serve says there are. None: they are never down, or nobody can say."""
        if serving is not None and self._counted is not None and serving < self._counted:
            self._died.clear()  # Serve has noticed
        self._counted = serving
        self._release()

    def saw(self, error: Exception) -> None:
        """Takes up what a request ended with: the death of a replica, or anything else."""
        if isinstance(error, RayActorError):
            self._last_failure = time.monotonic()
        if isinstance(error, ActorDiedError):
            self._died.setdefault(str(error.actor_id), time.monotonic())
            self._release()

    async def until_down(self, ask: Callable[[], Awaitable[T]]) -> T:
        """The answer.

        Raises:
            WentDownError: no replica is left, or none was before the answer was there.
        """
        if self.down:
            raise WentDownError
        asking = asyncio.ensure_future(ask())
        self._asking[asking] = time.monotonic()
        try:
            return await asking
        except asyncio.CancelledError as error:
            mine = asyncio.current_task()
            if mine and not mine.cancelling():  # who was asked went down; the caller is there
                raise WentDownError from error
            asking.cancel()
            raise
        finally:
            del self._asking[asking]

    def _unnoticed(self) -> int:
        since = time.monotonic() - _BELIEVED_SECONDS
        return sum(died > since for died in self._died.values())

    def _release(self) -> None:
        if self.down:
            for asking in self._asking:
                asking.cancel()
