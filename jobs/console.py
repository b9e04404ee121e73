"""How a job speaks: its result on stdout, logs and progress on stderr, others' noise in files.

Owns what ``--quiet`` and ``--json`` mean, for every verb. People get lines; ``--json`` gives one
JSON object instead; ``--quiet`` leaves errors only. Progress lines (``cluster.progress``) and
colours need a terminal. What Ray, its workers and engines log stays in Ray's own files
(``ray_session``).
"""

import json
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from typing import IO, Any, NamedTuple

OURS = ("actors", "cluster", "jobs")


class Result(NamedTuple):
    """What a job found: as programs read it, and as people do."""

    found: Mapping[str, Any]
    lines: Sequence[str]


def listen(quiet: bool) -> None:
    """Sends logs to stderr: ours from INFO on, others' warnings; errors alone if ``quiet``.

    Ours have a handler of their own: Ray's LLM library takes the root's away when it is imported.
    """
    stderr = _Stderr()
    logging.basicConfig(
        level=logging.ERROR if quiet else logging.WARNING, format="%(message)s", handlers=[stderr]
    )
    for name in OURS:
        logger = logging.getLogger(name)
        logger.setLevel(logging.ERROR if quiet else logging.INFO)
        logger.handlers, logger.propagate = [stderr], False
    os.environ.setdefault("TQDM_DISABLE", "1")  # libraries' own progress bars


def tell(result: Result, quiet: bool, as_json: bool) -> None:
    """Prints a result; figures that are not defined are null in JSON."""
    if as_json:
        text = json.dumps(result.found, ensure_ascii=False, default=str)
        defined = json.loads(text, parse_constant=lambda _: None)
        print(json.dumps(defined, ensure_ascii=False))
    elif not quiet:
        print(*result.lines, sep="\n")


class _Stderr(logging.StreamHandler[IO[str]]):
    """Writes to what stderr is at the time: a progress line puts itself there, and stays below."""

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)
