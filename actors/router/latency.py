"""How long candidates take until their answers begin, as one ingress replica sees it. Pure, no Ray.

The mean leans to what was seen last; who waits now counts as well, so that a candidate that hangs
is known to be slow before its first answer is late. What is older than ``MEMORY`` seconds is
forgotten: a candidate that was slow once is tried again.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count

MEMORY = 60.0
_NEW = 0.2  # share of the newest in the mean


class Latencies:
    """Seconds until an answer begins, by candidate id."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._means: dict[str, tuple[float, float]] = {}  # mean, and when it was last measured
        self._waiting: dict[str, dict[int, float]] = {}
        self._tickets = count()

    @contextmanager
    def waiting(self, id: str) -> Iterator[None]:
        """Measures until the block ends; a block that raises is no measurement."""
        since, ticket = self._now(), next(self._tickets)
        queue = self._waiting.setdefault(id, {})
        queue[ticket] = since
        try:
            yield
            self._measured(id, self._now() - since)
        finally:
            del queue[ticket]

    def expected(self) -> dict[str, float]:
        """Of every candidate that was measured lately, or that somebody waits for."""
        now, found = self._now(), {}
        for id, (mean, at) in self._means.items():
            if now - at <= MEMORY:
                found[id] = mean
        for id, queue in self._waiting.items():
            if queue:
                longest = now - min(queue.values())
                found[id] = max(found.get(id, 0.0), longest)
        return found

    def _measured(self, id: str, seconds: float) -> None:
        now = self._now()
        mean, at = self._means.get(id, (seconds, now))
        if now - at > MEMORY:
            mean = seconds
        self._means[id] = (mean + _NEW * (seconds - mean), now)
