"""The journal: what the router chose, and what was thought of the answers, as Parquet in the store.

Owns the way of a row from a request into a file: rows gather in memory, a thread writes them, and
``records`` reads them again. A file is whole or not there, and no two replicas share one:

    journal/choices/DAY/TIME-WRITER-NUMBER.parquet    JOURNAL, DAY being that of writing, UTC
    journal/feedback/DAY/TIME-WRITER-NUMBER.parquet   FEEDBACK

No request waits for the store or fails because of it. While it is down, rows wait up to a bound,
beyond which the oldest are dropped and counted. A replica that is shut down writes what it has; one
that is killed loses what it gathered since its last file (``router.journal.flush_seconds``).
"""

import hashlib
import logging
import sys
import threading
import time
import uuid
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

import pyarrow as pa

from actors.router.answered import Answered, reason_class
from cluster.errors import StoreError
from cluster.settings import JournalSettings
from cluster.store import Store
from cluster.tables import FEEDBACK, JOURNAL, from_rows

CHOICES_FOLDER, FEEDBACK_FOLDER = "journal/choices", "journal/feedback"

_KNOWN_IDS = 20_000  # answers that a replica remembers by their ids
_ROW_BYTES, _SCORE_BYTES = 2048, 256  # what a row and a score in it take in memory, at most
_QUIET_SECONDS = 60.0  # between two log lines about the same trouble
_CLOSE_SECONDS = 10.0

logger = logging.getLogger(__name__)


class Journal:
    """Takes down choices and feedback; safe to call from any thread, and it never waits."""

    def __init__(
        self,
        store: Store,
        settings: JournalSettings,
        dropped: Callable[[int], None] = lambda rows: None,
    ) -> None:
        """``dropped`` is told how many rows were lost, each time that any are."""
        self._store = store
        self._settings = settings
        self._tell_dropped = dropped
        self._writer = uuid.uuid4().hex[:12]
        self._files = 0
        self._known: OrderedDict[str, None] = OrderedDict()
        self._lock = threading.Lock()
        bound = settings.buffer_mib * 2**20
        self._choices = _Buffer(CHOICES_FOLDER, JOURNAL, bound)
        self._feedback = _Buffer(FEEDBACK_FOLDER, FEEDBACK, bound)
        self._complained = -_QUIET_SECONDS
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._write_on, name="journal", daemon=True)
        self._thread.start()

    def record(self, answered: Answered) -> None:
        """Takes down a choice, once its answer is out."""
        row = _choice_row(answered, self._settings.text)
        with self._lock:
            self._known[answered.response_id] = None
            if len(self._known) > _KNOWN_IDS:
                self._known.popitem(last=False)
        self._add(self._choices, row, _size(row, len(answered.choice.scores)))

    def feedback(
        self, response_id: str, score: float, comment: str | None, key_name: str | None = None
    ) -> None:
        """Takes down what was thought of an answer; ``score`` lies in [0, 1]."""
        row = {
            "response_id": response_id,
            "time": datetime.now(UTC),
            "score": score,
            "comment": comment,
            "key_name": key_name,
        }
        self._add(self._feedback, row, _size(row))

    def knows(self, response_id: str) -> bool:
        """Whether this replica gave the answer of that id, not long ago."""
        with self._lock:
            return response_id in self._known

    def close(self) -> None:
        """Writes what is left and takes down no more; waits a while for a store that is slow."""
        self._closing.set()
        self._wake.set()
        self._thread.join(_CLOSE_SECONDS)
        with self._lock:
            left = sum(len(buffer.take()) for buffer in (self._choices, self._feedback))
        self._drop(left)

    def _add(self, buffer: "_Buffer", row: Mapping[str, Any], size: int) -> None:
        if self._closing.is_set():
            self._drop(1)
            return
        with self._lock:
            dropped = buffer.add(_Waiting(row, size))
            due = len(buffer) >= self._settings.flush_rows
        self._drop(dropped)
        if due:
            self._wake.set()

    def _write_on(self) -> None:
        while not self._closing.is_set():
            self._wake.wait(self._settings.flush_seconds)
            self._wake.clear()
            if not self._written():  # a store that is down is not hurried by new rows
                self._closing.wait(self._settings.flush_seconds)
        self._written()

    def _written(self) -> bool:
        """Writes a file of each table that has rows; whether the store took them."""
        choices, feedback = self._write(self._choices), self._write(self._feedback)
        return choices and feedback

    def _write(self, buffer: "_Buffer") -> bool:
        with self._lock:
            rows = buffer.take()
        if not rows:
            return True
        try:
            table = from_rows((waiting.row for waiting in rows), buffer.schema)
            self._store.write_table(self._place(buffer.folder), table)
        except (OSError, StoreError) as error:
            self._complain(f"{len(rows)} rows wait for {self._store.url}: {error}")
            with self._lock:
                dropped = buffer.put_back(rows)
            self._drop(dropped)
            return False
        except Exception as error:
            # Rows that no table can be made of would hold up all that come after them. What Arrow
            # says of them may quote them.
            self._complain(f"{buffer.folder}: {type(error).__name__} while making a table")
            self._drop(len(rows))
        return True

    def _place(self, folder: str) -> str:
        self._files += 1
        now = datetime.now(UTC)
        return f"{folder}/{now:%Y-%m-%d}/{now:%H%M%S}-{self._writer}-{self._files:06d}.parquet"

    def _drop(self, rows: int) -> None:
        if rows:
            self._tell_dropped(rows)
            self._complain(f"{rows} rows were dropped")

    def _complain(self, trouble: str) -> None:
        now = time.monotonic()
        if now - self._complained >= _QUIET_SECONDS:
            self._complained = now
            logger.warning("journal: %s", trouble)


class _Waiting(NamedTuple):
    row: Mapping[str, Any]
    size: int  # bytes, at most


class _Buffer:
    """Rows of one table on their way into a file; the oldest make room where there are too many."""

    def __init__(self, folder: str, schema: pa.Schema, bound: int) -> None:
        self.folder = folder
        self.schema = schema
        self._bound = bound
        self._rows: deque[_Waiting] = deque()
        self._size = 0

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, row: _Waiting) -> int:
        """Takes a row in; returns how many were dropped for it."""
        self._rows.append(row)
        self._size += row.size
        return self._drop_oldest()

    def take(self) -> list[_Waiting]:
        """All rows, the oldest first; none are left."""
        rows = list(self._rows)
        self._rows.clear()
        self._size = 0
        return rows

    def put_back(self, rows: list[_Waiting]) -> int:
        """Rows that were taken, before those that came meanwhile; returns how many were dropped."""
        self._rows.extendleft(reversed(rows))
        self._size += sum(row.size for row in rows)
        return self._drop_oldest()

    def _drop_oldest(self) -> int:
        dropped = 0
        while self._size > self._bound:
            self._size -= self._rows.popleft().size
            dropped += 1
        return dropped


def _choice_row(answered: Answered, text: str) -> dict[str, Any]:
    choice, instruction = answered.choice, _unicode(answered.instruction)
    hashed = hashlib.sha256(instruction.encode()).hexdigest() if text != "none" else None
    return {
        "response_id": _unicode(answered.response_id),
        "time": datetime.now(UTC),
        "instruction": instruction if text == "full" else None,
        "instruction_sha256": hashed,
        "model_id": choice.candidate,
        "score": choice.score,
        "scores": list(choice.scores.items()),
        "selector": choice.selector,
        "policy": choice.policy,
        "why": choice.why,
        "passed_over": [(id, reason_class(why)) for id, why in choice.passed_over.items()],
        "selection_seconds": answered.selection_seconds,
        "first_seconds": answered.first_seconds,
        "seconds": answered.seconds,
        "prompt_tokens": answered.prompt_tokens,
        "completion_tokens": answered.completion_tokens,
        "cost": answered.cost,
        "broken": answered.broken is not None,
        "key_name": answered.key_name,
    }


def _unicode(text: str) -> str:
    """``text`` without the halves of characters that JSON can hold and Parquet cannot."""
    return text.encode(errors="replace").decode()


def _size(row: Mapping[str, Any], scores: int = 0) -> int:
    texts = (row.get("instruction") or "", row.get("comment") or "")
    return _ROW_BYTES + _SCORE_BYTES * scores + sum(map(sys.getsizeof, texts))
