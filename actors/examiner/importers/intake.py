"""Which rows of an import are taken: every row is checked, and counted by reason if left out.

Owns the rules for rows. A row is left out that has no model, question or score; whose score is
no finite number or lies outside the range; whose question has no prompt, another one than an
earlier row of the same id, or more options than there are letters; whose pair of model and
question stands there already. Two models whose names differ only in case end the import: that
would make one model two.

What is remembered of all rows together: the ids of questions with a digest of their text, the
names of models, and a bit for each pair. All else is a batch at a time.

Shapes: N rows of a part.
"""

import hashlib
import json
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from actors.examiner.importers.asked import Asked
from actors.examiner.importers.parts import (
    IMPORTED_OUTCOMES,
    IMPORTED_QUESTIONS,
    LEFT_OUT,
    ROW,
    Part,
)
from actors.examiner.importers.registry import ImportSettings
from actors.examiner.importers.tally import Tally
from cluster.errors import TableError
from cluster.tables import MOST_OPTIONS, letters

NO_MODEL = "no model"
NO_QUESTION = "no question id"
NO_SCORE = "no score, or one that is no number"
NOT_FINITE = "score is NaN or infinite"
OUTSIDE = "score lies outside {:g} to {:g}"
TOO_MANY_OPTIONS = f"question has more than {MOST_OPTIONS} options"
NO_PROMPT = "question has no prompt"
OTHER_PROMPT = "question has another text than an earlier one of its id"
TWICE = "model and question stand there already"

_NO_PLACE, _OTHER_TEXT = -1, -2  # in place of a question's place

Mask = NDArray[np.bool_]


class Taken(NamedTuple):
    """What was taken of a part: tables as IMPORTED_QUESTIONS (new ones) and IMPORTED_OUTCOMES."""

    questions: pa.Table
    outcomes: pa.Table


class Intake:
    """Takes parts one by one; ``tally`` counts."""

    def __init__(self, settings: ImportSettings) -> None:
        self.tally = Tally()
        self._settings = settings
        self._questions: dict[str, tuple[int, bytes]] = {}  # place, and digest of the text
        self._models: dict[str, int] = {}
        self._folded: dict[str, tuple[str, str]] = {}  # a name without case: name, where it stands
        self._asked = Asked()

    def take(self, part: Part) -> Taken:
        """The rows of a part that are taken.

        Raises:
            TableError: a column is of a type that cannot be what it should be, or a model's name
                differs only in case from another one.
        """
        rows = _conformed(part, self._settings)
        keep_N = np.ones(rows.num_rows, bool)
        for reason in pc.unique(rows[LEFT_OUT]).drop_null().to_pylist():
            self._leave(
                part, keep_N, _flags(pc.equal(rows[LEFT_OUT], reason).fill_null(False)), reason
            )
        self._leave(part, keep_N, _is_empty(rows["question_id"]), NO_QUESTION)
        wide_N = _too_many(rows["options"])
        self._leave(part, keep_N, wide_N, TOO_MANY_OPTIONS)
        rows = _without_prompt(rows, wide_N)  # so that their questions are not taken either
        if part.outcomes:
            self._check_scores(part, rows, keep_N)
        place_N, new = self._places(part, rows, keep_N)
        questions = _questions(rows, new)
        self.tally.questions += questions.num_rows
        if not part.outcomes:
            return Taken(questions, IMPORTED_OUTCOMES.empty_table())
        self._check_pairs(part, rows, keep_N, place_N)
        outcomes = rows.filter(pa.array(keep_N)).select(IMPORTED_OUTCOMES.names)
        self.tally.outcomes += outcomes.num_rows
        self.tally.models = len(self._models)
        return Taken(questions, outcomes.cast(IMPORTED_OUTCOMES))

    def _leave(self, part: Part, keep_N: Mask, bad_N: Mask, reason: str) -> None:
        bad = np.flatnonzero(keep_N & bad_N)
        keep_N[bad] = False
        self.tally.leave(reason, len(bad), lambda: part.place(int(bad[0])))

    def _check_scores(self, part: Part, rows: pa.Table, keep_N: Mask) -> None:
        """Model and score of every row; scores are brought to 0 to 1 before."""
        self._leave(part, keep_N, _is_empty(rows["model_id"]), NO_MODEL)
        self._leave(part, keep_N, _flags(pc.is_null(rows["score"])), NO_SCORE)
        score_N = rows["score"].to_numpy()
        self._leave(part, keep_N, ~np.isfinite(score_N), NOT_FINITE)
        outside = OUTSIDE.format(*self._settings.score_range)
        self._leave(part, keep_N, (score_N < 0) | (score_N > 1), outside)

    def _places(self, part: Part, rows: pa.Table, keep_N: Mask) -> tuple[Any, list[int]]:
        """The place of each row's question, and the rows that bring questions not met before."""
        ids = _encoded(rows["question_id"])
        texts = _encoded(_texts(rows))
        code_N = ids.indices.to_numpy().astype(np.int64) << 32 | texts.indices.to_numpy()
        _, first, back_N = np.unique(code_N, return_index=True, return_inverse=True)
        named, worded = ids.dictionary.to_pylist(), texts.dictionary.to_pylist()
        places, new = np.full(len(first), _NO_PLACE), []
        for kind in np.argsort(first):
            row = first[kind]
            id_, text = named[code_N[row] >> 32], worded[code_N[row] & 0xFFFFFFFF]
            if id_ in self._questions:
                place, digest = self._questions[id_]
                places[kind] = place if not text or _digest(text) == digest else _OTHER_TEXT
            elif id_ and text and not text.isspace():
                places[kind] = len(self._questions)
                self._questions[id_] = (len(self._questions), _digest(text))
                new.append(int(row))
        place_N = places[back_N]
        self._leave(part, keep_N, place_N == _NO_PLACE, NO_PROMPT)
        self._leave(part, keep_N, place_N == _OTHER_TEXT, OTHER_PROMPT)
        return place_N, new

    def _check_pairs(self, part: Part, rows: pa.Table, keep_N: Mask, place_N: Any) -> None:
        models = _encoded(rows["model_id"])
        found = models.indices.to_numpy()
        for name_place in np.unique(found[keep_N]):
            name = models.dictionary[int(name_place)].as_py()
            if name not in self._models:
                self._add_model(name, part.place(int(np.flatnonzero(found == name_place)[0])))
        own = np.array([self._models.get(name, -1) for name in models.dictionary.to_pylist()])
        kept = np.flatnonzero(keep_N)
        fresh = self._asked.first_time(own[found[kept]], place_N[kept])
        twice_N = np.zeros(len(keep_N), bool)
        twice_N[kept[~fresh]] = True
        self._leave(part, keep_N, twice_N, TWICE)

    def _add_model(self, name: str, place: str) -> None:
        folded = name.casefold()
        if folded in self._folded:
            other, where = self._folded[folded]
            raise TableError(
                f"{place}: model '{name}' differs only in case from '{other}' ({where}); "
                f"name them apart or make them one: 'models={{{name}: {other}}}'"
            )
        self._folded[folded] = (name, place)
        self._models[name] = len(self._models)


def _conformed(part: Part, settings: ImportSettings) -> pa.Table:
    """All columns of ROW, of its types; what is not said of questions is filled in."""
    kinds = {**ROW, LEFT_OUT: pa.string()}
    columns = {name: _column(part, name, kind) for name, kind in kinds.items()}
    columns["dataset"] = pc.coalesce(
        columns["dataset"], pa.scalar(settings.dataset or part.document.stem)
    )
    columns["category"] = pc.coalesce(columns["category"], columns["dataset"])
    low, high = settings.score_range
    columns["score"] = pc.divide(pc.subtract(columns["score"], low), high - low)
    if settings.model is not None:
        columns["model_id"] = pc.coalesce(columns["model_id"], pa.scalar(settings.model))
    if settings.models:
        columns["model_id"] = _renamed(columns["model_id"], settings.models)
    return pa.table(columns)


def _column(part: Part, name: str, kind: pa.DataType) -> pa.ChunkedArray | pa.Array:
    if name not in part.rows.column_names:
        return pa.nulls(part.rows.num_rows, kind)
    found = part.rows[name]
    if pa.types.is_dictionary(found.type):
        found = found.cast(found.type.value_type)
    if (
        name == "options"
        and not pa.types.is_list(found.type)
        and not pa.types.is_large_list(found.type)
    ):
        return found.cast(pa.string())
    try:
        if pa.types.is_integer(kind) and pa.types.is_string(found.type):
            found = _numbers(found)  # where some are missing, pandas writes 12.0 into CSV files
        if pa.types.is_integer(kind) and pa.types.is_floating(found.type):
            return pc.if_else(pc.is_finite(found), found, None).cast(kind, safe=False)
        return _numbers(found) if kind == pa.float64() else found.cast(kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError) as error:
        raise TableError(
            f"{part.document.name}: column '{name}' must be {kind}; found {found.type}: "
            f"{' '.join(str(error).split())}"
        ) from error


def _numbers(found: pa.ChunkedArray) -> pa.ChunkedArray | pa.Array:
    """Numbers as they are, truth values as 0 and 1; text that is no number becomes null."""
    if pa.types.is_boolean(found.type):
        return found.cast(pa.uint8()).cast(pa.float64())
    if not (pa.types.is_string(found.type) or pa.types.is_large_string(found.type)):
        return found.cast(pa.float64(), safe=False)
    text = pc.utf8_lower(pc.utf8_trim_whitespace(found.cast(pa.string())))
    text = pc.if_else(pc.equal(text, "true"), "1", pc.if_else(pc.equal(text, "false"), "0", text))
    try:
        return text.cast(pa.float64())
    except pa.ArrowInvalid:
        numeric = pc.match_substring_regex(
            text, r"^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$|^-?(nan|inf)$"
        )
        return pc.if_else(numeric, text, None).cast(pa.float64())


def _renamed(models: pa.ChunkedArray, names: dict[str, str]) -> pa.ChunkedArray:
    place = pc.index_in(models, pa.array(list(names)))
    return pc.coalesce(pc.take(pa.array(list(names.values())), place), models)


def _encoded(column: pa.ChunkedArray | pa.Array) -> pa.DictionaryArray:
    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    return pc.dictionary_encode(whole, null_encoding="encode")


def _texts(rows: pa.Table) -> pa.ChunkedArray | pa.Array:
    """Prompt and options of each row as one text; null without a prompt."""
    options = rows["options"]
    if options.null_count == len(options):
        return rows["prompt"]
    if pa.types.is_list(options.type):
        options = pc.binary_join(options, "\n")
    return pc.binary_join_element_wise(rows["prompt"], pc.coalesce(options, pa.scalar("")), "\n")


def _questions(rows: pa.Table, new: Iterable[int]) -> pa.Table:
    found = rows.select(IMPORTED_QUESTIONS.names).take(pa.array(list(new), pa.int64())).to_pylist()
    for question in found:
        question["options"] = _options(question["options"])
        question["answer"] = _answer(question["answer"], question["options"])
    return pa.Table.from_pylist(found, schema=IMPORTED_QUESTIONS)


def _too_many(options: pa.ChunkedArray | pa.Array) -> Mask:
    """Where there are more options than letters."""
    if pa.types.is_list(options.type):
        return _flags(pc.greater(pc.list_value_length(options), MOST_OPTIONS).fill_null(False))
    commas_N = pc.count_substring(options, ",").fill_null(0)
    wide_N = _flags(pc.greater_equal(commas_N, MOST_OPTIONS))
    for row in np.flatnonzero(wide_N):
        wide_N[row] = len(_options(options[int(row)].as_py()) or ()) > MOST_OPTIONS
    return wide_N


def _without_prompt(rows: pa.Table, which_N: Mask) -> pa.Table:
    prompts = pc.if_else(pa.array(which_N), None, rows["prompt"])
    return rows.set_column(rows.column_names.index("prompt"), "prompt", prompts)


def _options(found: Any) -> list[str] | None:
    """Options given as a list, or as text that is a JSON list."""
    if isinstance(found, str):
        try:
            found = json.loads(found)
        except ValueError:
            return None
    return [str(option) for option in found] if isinstance(found, list) and found else None


def _answer(found: str | None, options: list[str] | None) -> str | None:
    """With options: the letter of the right one, which may be given by its text; else as it is."""
    if not options or found is None:
        return found
    known = letters(len(options))
    if found in known:
        return found
    return known[options.index(found)] if options.count(found) == 1 else None


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=8).digest()


def _is_empty(column: pa.ChunkedArray | pa.Array) -> Mask:
    return _flags(pc.coalesce(pc.equal(pc.utf8_trim_whitespace(column), ""), pa.scalar(True)))


def _flags(column: pa.ChunkedArray | pa.Array) -> Mask:
    flags: Mask = column.to_numpy(zero_copy_only=False).astype(bool)
    return flags
