"""One progress line for each long piece of work: what, how far, how fast, how much longer.

Lines are drawn on stderr, below each other if several go on at once, and only where somebody
looks: a terminal, and this module's logger at INFO, which ``--quiet`` turns off. Work says how far
it is; it neither knows nor asks who is told.
"""

import logging
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

log = logging.getLogger(__name__)

Each = TypeVar("Each")

_lock = Lock()
_shared: Progress | None = None  # a terminal has room for one: all lines are drawn by it
_lines = 0


class Line:
    """A progress line that work moves on."""

    def __init__(self, what: str, total: float | None) -> None:
        self._progress = _shared
        self._task = _shared.add_task(what, total=total) if _shared else None

    def advance(self, by: float = 1) -> None:
        """``by`` more are done."""
        if self._progress and self._task is not None:
            self._progress.advance(self._task, by)

    def counted(self, things: Iterable[Each]) -> Iterator[Each]:
        """``things`` as they come, each of which is one done."""
        for each in things:
            yield each
            self.advance()

    def at(self, done: float, total: float) -> None:
        """``done`` of ``total`` are done."""
        if self._progress and self._task is not None:
            self._progress.update(self._task, completed=done, total=total)


@contextmanager
def line(what: str, total: float | None = None) -> Iterator[Line]:
    """A line for the work inside; ``total`` is None where nobody knows it yet."""
    drawn = _begin(what, total)
    try:
        yield drawn
    finally:
        _end()


def _begin(what: str, total: float | None) -> Line:
    global _shared, _lines
    with _lock:
        if _lines == 0 and sys.stderr.isatty() and log.isEnabledFor(logging.INFO):
            _shared = _display()
            _shared.start()
        _lines += 1
        return Line(what, total)


def _end() -> None:
    global _shared, _lines
    with _lock:
        _lines -= 1
        if _lines == 0 and _shared:
            _shared.stop()
            _shared = None


def _display() -> Progress:
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        redirect_stdout=False,
    )


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:.3g}/s")
