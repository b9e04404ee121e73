"""What an importer hands on: parts of a file, as tables of a few thousand rows.

A row is an outcome together with what its file says of the question; questions of which a file
says nothing more may come before, in parts without outcomes. Columns that a format does not know
are left out of a part, values that a row lacks are null. Nothing is checked here: that is the
business of ``intake``.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from actors.examiner.importers.documents import Document
from cluster.tables import OUTCOMES, QUESTIONS

# What is kept of a question. Not every format tells the answer, few tell the split.
IMPORTED_QUESTIONS = pa.schema(
    [
        *[field.with_nullable(True) if field.name == "answer" else field for field in QUESTIONS],
        pa.field("split", pa.string()),  # train, test, ... of the benchmark, where it says so
    ]
)

# What is kept of an outcome.
IMPORTED_OUTCOMES = pa.schema(
    [
        *OUTCOMES,
        pa.field("answered", pa.bool_()),  # whether an answer could be read from the output
        pa.field("cost", pa.float64()),  # US dollars
    ]
)

# What a part may hold. Options also as text that is a JSON list.
ROW = {
    field.name: field.type for schema in (IMPORTED_QUESTIONS, IMPORTED_OUTCOMES) for field in schema
}

# Why the importer itself does not want a row; null where it does. Formats only, no column of files.
LEFT_OUT = "left_out"

BATCH = 1 << 16
Numbered = tuple[int, Mapping[str, Any]]
# Of a part that is made from Python objects; outputs may be long.
_ROWS, _CHARACTERS = 4096, 8 << 20


@dataclass(frozen=True)
class Part:
    """Some rows of a file, and where in it they stand."""

    document: Document
    rows: (
        pa.Table
    )  # columns as ROW, and LEFT_OUT; dictionaries, large strings and other numbers are taken too
    numbers: NDArray[np.int64]  # of the rows, as errors name them
    unit: str = "row"  # what the numbers count: rows, lines
    outcomes: bool = True  # false: rows are questions only

    def place(self, row: int) -> str:
        """How errors name a row."""
        return f"{self.document.name}: {self.unit} {self.numbers[row]}"


def counted(document: Document, rows: pa.Table, first: int, outcomes: bool = True) -> Part:
    """A part whose rows are numbered on from ``first``."""
    numbers = np.arange(first, first + rows.num_rows)
    return Part(document, rows, numbers, outcomes=outcomes)


def parts(
    document: Document,
    rows: Iterable[Numbered],
    unit: str = "line",
    outcomes: bool = True,
) -> Iterator[Part]:
    """Parts of numbered rows that are Python objects; values become what ROW asks for."""
    for some in _portions(rows):
        kinds = {**ROW, LEFT_OUT: pa.string()}
        columns = {
            name: _array([row.get(name) for _, row in some], kind)
            for name, kind in kinds.items()
            if any(name in row for _, row in some)
        }
        numbers = np.array([number for number, _ in some])
        yield Part(document, pa.table(columns), numbers, unit, outcomes)


def _portions(rows: Iterable[Numbered]) -> Iterator[list[Numbered]]:
    """Rows some at a time: not too many, and not too much text."""
    some: list[Numbered] = []
    characters = 0
    for number, row in rows:
        some.append((number, row))
        characters += sum(len(value) for value in row.values() if isinstance(value, str))
        if len(some) >= _ROWS or characters >= _CHARACTERS:
            yield some
            some, characters = [], 0
    if some:
        yield some


def _array(values: list[Any], kind: pa.DataType) -> pa.Array:
    if pa.types.is_string(kind):
        return pa.array([None if value is None else _text(value) for value in values], kind)
    if pa.types.is_list(kind):
        return pa.array([_texts(value) for value in values], kind)
    if pa.types.is_boolean(kind):
        return pa.array([value if isinstance(value, bool) else None for value in values], kind)
    return pa.array([number(value) for value in values], pa.float64())


def number(value: Any) -> float | None:
    """A number, a truth value, or text that is a number; null for all else."""
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return {"true": 1.0, "false": 0.0}.get(str(value).strip().lower())


def text_id(dataset: str, text: Any) -> str | None:
    """An id for a question that is known by its text alone."""
    if not isinstance(text, str):
        return None
    return f"{dataset}/{hashlib.sha256(_text(text).encode()).hexdigest()[:16]}"


def _text(value: Any) -> str:
    # Lone halves of a surrogate pair are JSON, but no text.
    return str(value).encode(errors="replace").decode()


def _texts(value: Any) -> list[str] | None:
    return [_text(part) for part in value] if isinstance(value, list | tuple) else None
