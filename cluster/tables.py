"""Arrow schemas of the tables that roles hand each other, and the reader that checks them.

Columns are named as published outcome tables name them (``model_id``, ``question_id``), so such
tables are read without a mapping. A ``model_id`` is the id of a candidate in its zoo.

The data's way: questions -> outcomes -> (capability cards, JSON) -> choices; and from the served
router back again: journal + feedback -> questions and outcomes.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.fs as pafs
import pyarrow.json as pj
import pyarrow.parquet as pq

from cluster.errors import TableError

MESSAGE = pa.struct([pa.field("role", pa.string(), False), pa.field("content", pa.string(), False)])

INSTRUCTIONS = pa.schema(
    [
        pa.field("instruction_id", pa.string(), False),
        # Exactly one of the two is set: a plain prompt, or the messages of a chat.
        pa.field("prompt", pa.string()),
        pa.field("messages", pa.list_(MESSAGE)),
        # URLs of images that belong to the instruction; kept for multimodal candidates.
        pa.field("images", pa.list_(pa.string())),
    ]
)

QUESTIONS = pa.schema(
    [
        pa.field("question_id", pa.string(), False),
        pa.field("dataset", pa.string(), False),
        pa.field("category", pa.string(), False),  # the task of an aptitude test
        pa.field("keywords", pa.list_(pa.string())),  # what the category is about, five words
        pa.field("prompt", pa.string(), False),
        pa.field("options", pa.list_(pa.string())),  # null for a free answer
        # With options: the letter of the right one ("A" is the first); else the answer itself.
        pa.field("answer", pa.string(), False),
    ]
)

OUTCOMES = pa.schema(
    [
        pa.field("model_id", pa.string(), False),
        pa.field("question_id", pa.string(), False),
        pa.field("score", pa.float64(), False),  # in [0, 1]; 1 is right
        pa.field("output", pa.string()),  # what the candidate wrote
        pa.field("prompt_tokens", pa.int64()),
        pa.field("completion_tokens", pa.int64()),
        pa.field("error", pa.string()),  # why there is no output
        # Whether it is right with the options in every rotation too; null: not tried.
        pa.field("circle", pa.bool_()),
    ]
)

RIGHT = 0.5  # an outcome with this score or more is right

SCORE = pa.struct(
    [pa.field("model_id", pa.string(), False), pa.field("score", pa.float64(), False)]
)

PASSED_OVER = pa.struct(
    [pa.field("model_id", pa.string(), False), pa.field("reason", pa.string(), False)]
)

CHOICES = pa.schema(
    [
        pa.field("instruction_id", pa.string(), False),
        pa.field("scores", pa.list_(SCORE), False),  # P('Yes') of every candidate
        # The candidate that was chosen; null where the instruction could not be scored (error).
        pa.field("model_id", pa.string()),
        pa.field("output", pa.string()),
        pa.field("prompt_tokens", pa.int64()),
        pa.field("completion_tokens", pa.int64()),
        pa.field("error", pa.string()),
    ]
)

# One choice of the served router, after the last token of its answer.
JOURNAL = pa.schema(
    [
        pa.field("response_id", pa.string(), False),  # OpenAI's id of the answer
        pa.field("time", pa.timestamp("us", tz="UTC"), False),
        # The text it was chosen by, and the SHA-256 of that: both, the latter alone, or none.
        pa.field("instruction", pa.string()),
        pa.field("instruction_sha256", pa.string()),
        pa.field("model_id", pa.string(), False),  # who answered
        pa.field("score", pa.float64()),  # its P('Yes'); null where no selector knows it
        pa.field("scores", pa.list_(SCORE), False),  # of all that could be chosen
        pa.field("selector", pa.string()),  # who gave them; null: the cards' mean accuracies
        pa.field("policy", pa.string(), False),
        # policy, aptitude, conversation, escalation or fallback
        pa.field("why", pa.string(), False),
        # Who came before and does not answer; the reason is one of a few words.
        pa.field("passed_over", pa.list_(PASSED_OVER), False),
        pa.field("selection_seconds", pa.float64(), False),  # until the choice
        pa.field("first_seconds", pa.float64(), False),  # until the first token
        pa.field("seconds", pa.float64(), False),  # until the last one
        pa.field("prompt_tokens", pa.int64()),
        pa.field("completion_tokens", pa.int64()),
        pa.field("cost", pa.float64()),  # US dollars
        pa.field("broken", pa.bool_(), False),  # whether the answer ended early
        pa.field("key_name", pa.string()),  # of the API key, if keys are asked for
    ]
)

# What somebody thought of an answer. It joins JOURNAL by response_id; the latest row counts.
FEEDBACK = pa.schema(
    [
        pa.field("response_id", pa.string(), False),
        pa.field("time", pa.timestamp("us", tz="UTC"), False),
        pa.field("score", pa.float64(), False),  # in [0, 1]; 1 is right
        pa.field("comment", pa.string()),
        pa.field("key_name", pa.string()),  # of the API key it came with
    ]
)

_CORRECT = pa.field("correct", pa.float64(), False)  # what OUTCOMES have for score, elsewhere

MOST_OPTIONS = 26  # of a question: each has a letter

_FIRST_ROWS = 3


def read_table(source: str) -> pa.Table:
    """The table of a Parquet or JSONL file, named by a path or by a URL that pyarrow knows.

    Raises:
        TableError: the file is missing, has another ending, or is not what its ending says.
    """
    readers = {".parquet": pq.read_table, ".jsonl": _read_jsonl}
    place = source.partition("?")[0] if "://" in source else source
    reader = readers.get(PurePosixPath(place).suffix)
    if reader is None:
        raise TableError(f"{source}: must end in one of {', '.join(readers)}")
    with reading(source):
        filesystem, path = located(source)
        with filesystem.open_input_file(path) as stream:
            return reader(stream)


def _read_jsonl(stream: pa.NativeFile) -> pa.Table:
    """Rows of JSON. pyarrow takes a column for times where all its texts look like such.

    It would write them its own way, so they are then read once more, as texts.
    """
    table = pj.read_json(stream)
    as_texts = pa.schema(field.with_type(_without_times(field.type)) for field in table.schema)
    if as_texts == table.schema:
        return table
    stream.seek(0)
    return pj.read_json(stream, parse_options=pj.ParseOptions(explicit_schema=as_texts))


def _without_times(found: pa.DataType) -> pa.DataType:
    """A type that was read off JSON, with texts in place of times; JSON itself has no times."""
    if pa.types.is_list(found):
        return pa.list_(_without_times(found.value_type))
    if pa.types.is_struct(found):
        return pa.struct([field.with_type(_without_times(field.type)) for field in found])
    return pa.string() if pa.types.is_temporal(found) else found


def file_in(folder: str, name: str) -> str:
    """A file of a folder, which may be a URL with what ``pyarrow.fs`` takes behind a ``?``."""
    place, mark, options = folder.partition("?") if "://" in folder else (folder, "", "")
    return f"{place.rstrip('/')}/{name}{mark}{options}"


def absolute(source: str) -> str:
    """A path or URL as processes find it that run in other folders."""
    return source if "://" in source else str(Path(source).absolute())


def located(source: str) -> tuple[pafs.FileSystem, str]:
    """The filesystem of a path or URL, and its path there."""
    found: tuple[pafs.FileSystem, str] = pafs.FileSystem.from_uri(
        source if "://" in source else Path(source).absolute().as_uri()
    )
    return found


def is_there(source: str) -> bool:
    """Whether a path or URL names a file. Raises TableError if that cannot be told."""
    with reading(source):
        filesystem, path = located(source)
        return bool(filesystem.get_file_info(path).is_file)


@contextmanager
def reading(source: str) -> Iterator[None]:
    """Turns what pyarrow raises into a TableError that names ``source``."""
    try:
        yield
    except FileNotFoundError as error:
        raise TableError(f"{source}: no such file") from error
    except (pa.ArrowInvalid, OSError) as error:
        raise TableError(f"{source}: cannot be read: {error}") from error


def conform(table: pa.Table, schema: pa.Schema, name: str, first_row: int = 0) -> pa.Table:
    """Returns ``table`` with exactly the columns of ``schema``, in its order.

    Columns the schema lacks are dropped; nullable ones the table lacks become nulls. Of a table
    that is part of one, ``first_row`` is its place there, for messages.

    Raises:
        TableError: the table is empty, lacks a required column, has a column of another type,
            or a null where none is allowed. ``name`` says which table it is in the message.
    """
    if table.num_rows == 0:
        raise TableError(f"{name}: the table is empty; at least one row is needed")
    columns = [_column(table, field, name, first_row) for field in schema]
    return pa.table(columns, schema=schema)


def _column(
    table: pa.Table, field: pa.Field, name: str, first_row: int
) -> pa.ChunkedArray | pa.Array:
    if field.name not in table.column_names:
        if field.nullable:
            return pa.nulls(table.num_rows, field.type)
        raise TableError(
            f"{name}: column '{field.name}' ({field.type}) is missing; "
            f"found: {', '.join(table.column_names)}"
        )
    found = table.column(field.name)
    try:
        column = found.cast(field.type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError) as error:
        raise TableError(
            f"{name}: column '{field.name}' must be {field.type}; found {found.type} ({error})"
        ) from error
    if column.null_count and not field.nullable:
        rows = _rows_where(pc.is_null(column), first_row)
        raise TableError(f"{name}: column '{field.name}' may hold no null; found in rows {rows}")
    return column


def check_unique(table: pa.Table, columns: list[str], name: str) -> None:
    """Raises TableError naming the first values of ``columns`` that stand in several rows."""
    counts = table.group_by(columns).aggregate([([], "count_all")])
    twice = counts.filter(pc.greater(counts["count_all"], 1)).select(columns)
    if twice.num_rows:
        shown = [tuple(row.values()) for row in twice.slice(0, _FIRST_ROWS).to_pylist()]
        raise TableError(
            f"{name}: each ({', '.join(columns)}) may stand in one row only; "
            f"{twice.num_rows} stand in several, first: {shown}"
        )


def check_outcomes(table: pa.Table, name: str) -> pa.Table:
    """Returns ``table`` as OUTCOMES; a table with ``correct`` (0/1) alone gets it as ``score``.

    Raises:
        TableError: as ``conform``; or a score outside [0, 1]; or a pair of model and question
            that stands in two rows.
    """
    if "score" not in table.column_names and "correct" in table.column_names:
        correct = _column(table, _CORRECT, name, 0)
        table = table.append_column("score", correct)
    outcomes = conform(table, OUTCOMES, name)
    scores = outcomes.column("score")
    outside = pc.invert(pc.and_(pc.greater_equal(scores, 0.0), pc.less_equal(scores, 1.0)))
    if pc.any(outside).as_py():
        rows = _rows_where(outside)
        found = [scores[row].as_py() for row in rows]
        raise TableError(f"{name}: 'score' must lie in [0, 1]; rows {rows} hold {found}")
    check_unique(outcomes, ["model_id", "question_id"], name)
    return outcomes


def check_questions(table: pa.Table, name: str) -> pa.Table:
    """Returns ``table`` as QUESTIONS.

    Raises:
        TableError: as ``conform`` and ``check_options``; or an answer that is no letter of the
            row's options; or a question id that stands in two rows.
    """
    questions = conform(table, QUESTIONS, name)
    check_options(questions, name)
    for row, (options, answer) in enumerate(
        zip(questions["options"].to_pylist(), questions["answer"].to_pylist(), strict=True)
    ):
        if options and answer not in letters(len(options)):
            raise TableError(
                f"{name}: row {row}: 'answer' must be a letter from A to "
                f"{letters(len(options))[-1]}; found '{answer}'"
            )
    check_unique(questions, ["question_id"], name)
    return questions


def check_options(questions: pa.Table, name: str) -> None:
    """Raises TableError naming the first question with more options than there are letters."""
    counts = pc.list_value_length(questions["options"])
    wide = questions.filter(pc.greater(counts, MOST_OPTIONS)).slice(0, 1).to_pylist()
    if wide:
        raise TableError(
            f"{name}: question '{wide[0]['question_id']}' has {len(wide[0]['options'])} options; "
            f"at most {MOST_OPTIONS} have a letter"
        )


def check_instructions(table: pa.Table, name: str, first_row: int = 0) -> pa.Table:
    """Returns ``table`` as INSTRUCTIONS; rows without an id get their row number as id.

    Args:
        table: the instructions, or some of them.
        name: says in messages which table it is.
        first_row: where in that table ``table`` begins.

    Raises:
        TableError: as ``conform``; or a row with both or neither of prompt and messages; or an id
            that stands in two rows of ``table``.
    """
    if "instruction_id" not in table.column_names:
        rows = range(first_row, first_row + table.num_rows)
        ids = pa.array([str(row) for row in rows], pa.string())
        table = table.append_column("instruction_id", ids)
    instructions = conform(table, INSTRUCTIONS, name, first_row)
    wrong = pc.equal(
        pc.is_valid(instructions["prompt"]),
        pc.is_valid(instructions["messages"]),
    )
    if pc.any(wrong).as_py():
        raise TableError(
            f"{name}: each row needs either 'prompt' or 'messages'; "
            f"rows {_rows_where(wrong, first_row)} have both or neither"
        )
    check_unique(instructions, ["instruction_id"], name)
    return instructions


def from_rows(rows: Iterable[Mapping[str, Any]], schema: pa.Schema) -> pa.Table:
    """A table of ``schema`` from dicts; keys a row lacks become nulls."""
    return pa.Table.from_pylist([dict(row) for row in rows], schema=schema)


def letters(count: int) -> list[str]:
    """The letters of ``count`` options, at most MOST_OPTIONS: A, B, C, ..."""
    assert 0 < count <= MOST_OPTIONS, count
    return [chr(ord("A") + index) for index in range(count)]


def _rows_where(mask: pa.ChunkedArray | pa.Array, first_row: int = 0) -> list[int]:
    flat = mask.combine_chunks() if isinstance(mask, pa.ChunkedArray) else mask
    rows: list[int] = pc.indices_nonzero(flat).slice(0, _FIRST_ROWS).to_pylist()
    return [first_row + row for row in rows]
