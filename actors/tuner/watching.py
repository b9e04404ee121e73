"""How far a tuning run is, as the process that started it shows it.

Steps are done by workers elsewhere, and Ray Train hands their reports to its own controller. So the
first worker tells an actor, and a thread here asks it now and then.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import ray
from ray.actor import ActorHandle

from cluster import progress

_SECONDS = 1.0  # between questions


class Steps:
    """Knows how many steps are done."""

    def __init__(self) -> None:
        self._done: tuple[int, int] | None = None

    def at(self, done: int, total: int) -> None:
        """``done`` of ``total`` are done."""
        self._done = (done, total)

    def done(self) -> tuple[int, int] | None:
        """The latest of ``at``; None before the first."""
        return self._done


@contextmanager
def watched(run: str) -> Iterator["ActorHandle[Any]"]:
    """An actor to tell of steps; they move a progress line as long as the work inside goes on."""
    steps: ActorHandle[Any] = ray.remote(num_cpus=0)(Steps).remote()
    over = threading.Event()
    with progress.line(run) as line:
        watching = threading.Thread(target=_watch, args=(steps, line, over))
        watching.start()
        try:
            yield steps
        finally:
            over.set()
            watching.join()


def _watch(steps: "ActorHandle[Any]", line: progress.Line, over: threading.Event) -> None:
    while not over.wait(_SECONDS):
        found = ray.get(steps.done.remote())
        if found:
            line.at(*found)
