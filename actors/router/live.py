"""What this replica of the router has done since it started, for people: ``/v1/live``.

Small counts in memory, of requests for which the router chose. What is to be kept, summed over
replicas or alerted on is in ``metrics``.
"""

import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from actors.router.answered import Answered, reason_class
from actors.router.breakers import State


@dataclass
class _Counts:
    """Of one candidate."""

    answered: int = 0
    fallbacks: int = 0  # of these, in place of another
    broken: int = 0  # of these, ended early
    passed_over: Counter[str] = field(default_factory=Counter)  # by class of reason


class Live:
    """The counts of all candidates."""

    def __init__(self) -> None:
        self._since = time.time()
        self._counts: dict[str, _Counts] = {}
        self._breakers: dict[str, State] = {}

    def answered(self, answered: Answered) -> None:
        """A request is done."""
        choice = answered.choice
        counts = self._of(choice.candidate)
        counts.answered += 1
        counts.fallbacks += choice.why == "fallback"
        counts.broken += answered.broken is not None
        for candidate, reason in choice.passed_over.items():
            self._of(candidate).passed_over[reason_class(reason)] += 1

    def breaker(self, candidate: str, state: State | None) -> None:
        """As ``RouterMetrics.breaker``."""
        if state is None:
            self._breakers.pop(candidate, None)
        else:
            self._breakers[candidate] = state

    def told(
        self, candidates: Iterable[str], down: Mapping[str, str], seconds: Mapping[str, float]
    ) -> dict[str, Any]:
        """The body of ``/v1/live``.

        Args:
            candidates: ids of who is in service.
            down: by id, why a candidate does not run.
            seconds: by id, the expected time until an answer begins.
        """
        return {
            "object": "live",
            "since": self._since,
            "answered": sum(counts.answered for counts in self._counts.values()),
            "candidates": {
                id: {
                    **vars(self._of(id)),
                    "breaker": self._breakers.get(id, "closed"),
                    "down": down.get(id),
                    "expected_seconds": seconds.get(id),
                }
                for id in candidates
            },
        }

    def _of(self, candidate: str) -> _Counts:
        return self._counts.setdefault(candidate, _Counts())
