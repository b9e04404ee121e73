"""What candidates ever answered, kept in the store by what they were asked, so as to ask it once.

    answers/ID/PART.parquet   ANSWERS of a candidate; parts are written whole, and never changed

An answer is known by a digest of all that decides it: the engine settings on which a candidate's
answers hang, the messages, and how many tokens it may take. So a question that was reworded, or an
engine that was set up anew, is asked again, and one that several collections share is not. An
answer that failed stays until there is a good one. How a judge replied is kept in the same way.
"""

import hashlib
import json
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import pyarrow as pa

from actors.candidate.engine import COMPLETION
from cluster.store import Store
from cluster.tables import conform
from cluster.zoo import Candidate

ANSWERS = pa.schema([pa.field("asked", pa.string(), False), *COMPLETION])

Row: TypeAlias = Mapping[str, Any]
Messages: TypeAlias = Sequence[Mapping[str, str]]


def is_answered(row: Row) -> bool:
    """Whether a row of ANSWERS did not fail."""
    return row["error"] is None


class Respondent:
    """A candidate, or a judge, with all that it answered so far."""

    def __init__(
        self,
        candidate: Candidate,
        max_tokens: int,
        store: Store,
        is_good: Callable[[Row], bool] = is_answered,
    ) -> None:
        """Reads what is there; what is not ``is_good`` will be asked again.

        Raises:
            StoreError, TableError: a file of answers is none.
        """
        self.candidate, self.max_tokens, self._is_good = candidate, max_tokens, is_good
        self._store, self._folder = store, f"answers/{candidate.id}"
        self._engine = candidate.answering()
        self._known: dict[str, Row] = {}
        for table in self._parts():
            self._learn(table)

    def answer(self, messages: Messages) -> Row | None:
        """The row of ANSWERS to a conversation, the failed one if there is no other."""
        return self._known.get(self._digest(messages))

    def unasked(self, conversations: Iterable[Messages]) -> dict[str, Messages]:
        """By its digest each conversation that has no good answer yet."""
        by_digest = {self._digest(messages): messages for messages in conversations}
        return {
            digest: messages
            for digest, messages in by_digest.items()
            if digest not in self._known or not self._is_good(self._known[digest])
        }

    def keep(self, answers: pa.Table) -> None:
        """Writes some more ANSWERS."""
        # Names sort by time: of two answers the later one counts.
        part = f"{time.time_ns():020d}-{uuid.uuid4().hex[:8]}.parquet"
        self._store.write_table(f"{self._folder}/{part}", answers)
        self._learn(answers)

    def _parts(self) -> Iterator[pa.Table]:
        for name in self._store.names(self._folder):
            path = f"{self._folder}/{name}"
            yield conform(self._store.read_table(path), ANSWERS, self._store.url_of(path))

    def _learn(self, answers: pa.Table) -> None:
        for row in answers.to_pylist():
            before = self._known.get(row["asked"])
            if before is None or self._is_good(row) or not self._is_good(before):
                self._known[row["asked"]] = row

    def _digest(self, messages: Messages) -> str:
        said = {"engine": self._engine, "messages": messages, "max_tokens": self.max_tokens}
        text = json.dumps(said, sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode(errors="replace")).hexdigest()
