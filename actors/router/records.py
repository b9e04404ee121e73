"""What the journal left in the store, and outcomes made of it for the next tuning.

Owns the readers of the journal's tables and the rules by which feedback becomes outcomes. The two
tables lie in ``feedback/`` as ``actors.examiner.outcomes`` reads a folder of published results, so
``assess`` takes them as a source, and ``tune-selector`` beside the exam's.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from actors.router.journal import CHOICES_FOLDER, FEEDBACK_FOLDER
from cluster.errors import StoreError, TableError
from cluster.store import Store
from cluster.tables import (
    FEEDBACK,
    JOURNAL,
    OUTCOMES,
    QUESTIONS,
    check_outcomes,
    check_questions,
    conform,
    from_rows,
)

FOLDER = "feedback"
DATASET = "feedback"  # of the questions, and their one category: nobody named a finer task

Row = Mapping[str, Any]


class Collected(NamedTuple):
    """Outcomes made of feedback.

    Attributes:
        questions: QUESTIONS, one for each instruction.
        outcomes: OUTCOMES, one for each instruction and candidate: the mean of the scores given.
        joined: rows of feedback that are in there.
        left_out: rows of feedback that are not, by why.
    """

    questions: pa.Table
    outcomes: pa.Table
    joined: int
    left_out: Counter[str]


def read_choices(store: Store, of: pa.Array | None = None) -> pa.Table:
    """JOURNAL of all replicas, by time; ``of`` names the response ids that are wanted.

    Raises:
        StoreError, TableError: a file of the journal is none.
    """
    tables = _tables(store, CHOICES_FOLDER, JOURNAL)
    if of is not None:
        tables = (
            table.filter(pc.is_in(table["response_id"].combine_chunks(), value_set=of))
            for table in tables
        )
    return _together(tables, JOURNAL)


def read_feedback(store: Store) -> pa.Table:
    """FEEDBACK that all replicas took, by time. Raises as ``read_choices``."""
    return _together(_tables(store, FEEDBACK_FOLDER, FEEDBACK), FEEDBACK)


def outcomes_of_feedback(store: Store) -> Collected:
    """Joins the feedback with the choices it is about.

    Of several rows about one answer the latest counts. Left out are rows about answers that the
    journal does not know, whose id it has twice, that broke off (the engine's fault, not a lack of
    capability), or whose instruction was not kept as text.

    Raises:
        StoreError, TableError: a file of the journal is none.
    """
    latest, left_out = _latest(read_feedback(store).to_pylist())
    choices = _by_id(read_choices(store, pa.array(latest, pa.string())).to_pylist())
    scores: dict[tuple[str, str], list[float]] = {}
    prompts: dict[str, str] = {}
    for response_id, row in latest.items():
        found = choices.get(response_id, [])
        if why := _unusable(found):
            left_out[why] += 1
            continue
        (choice,) = found
        question_id = f"{DATASET}/{choice['instruction_sha256']}"
        prompts[question_id] = choice["instruction"]
        scores.setdefault((choice["model_id"], question_id), []).append(row["score"])
    return Collected(
        questions=from_rows(map(_question, prompts, prompts.values()), QUESTIONS),
        outcomes=from_rows(map(_outcome, scores, scores.values()), OUTCOMES),
        joined=sum(map(len, scores.values())),
        left_out=left_out,
    )


def write_collected(store: Store, collected: Collected) -> str:
    """Puts the two tables into ``feedback/``, in place of older ones; returns where that is.

    Raises:
        TableError: there are no outcomes; the message says what was left out.
    """
    if not collected.joined:
        found = "; ".join(f"{rows} left out: {why}" for why, rows in collected.left_out.items())
        raise TableError(
            f"{store.url_of(FEEDBACK_FOLDER)}: no outcome can be made of it; {found or 'no row'}"
        )
    store.write_table(f"{FOLDER}/questions.parquet", collected.questions)
    store.write_table(f"{FOLDER}/outcomes.parquet", collected.outcomes)
    return store.url_of(FOLDER)


def with_feedback(
    store: Store, ids: Sequence[str], questions: pa.Table, outcomes: pa.Table
) -> tuple[pa.Table, pa.Table]:
    """QUESTIONS and OUTCOMES, and after them those collected of the candidates ``ids``.

    Raises:
        StoreError: nothing was collected.
        TableError: a table of ``feedback/`` breaks a rule.
    """
    if not store.exists(f"{FOLDER}/outcomes.parquet"):
        raise StoreError(f"{store.url_of(FOLDER)}: no outcomes; run: model-sat collect-feedback")
    more = check_outcomes(store.read_table(f"{FOLDER}/outcomes.parquet"), store.url_of(FOLDER))
    asked = check_questions(store.read_table(f"{FOLDER}/questions.parquet"), store.url_of(FOLDER))
    more = more.filter(pc.is_in(more["model_id"], value_set=pa.array(ids, pa.string())))
    return (
        pa.concat_tables([questions.select(QUESTIONS.names), asked]),
        pa.concat_tables([outcomes.select(OUTCOMES.names), more]),
    )


def _tables(store: Store, folder: str, schema: pa.Schema) -> Iterator[pa.Table]:
    for day in store.names(folder):
        for name in store.names(f"{folder}/{day}"):
            path = f"{folder}/{day}/{name}"
            yield conform(store.read_table(path), schema, store.url_of(path))


def _together(tables: Iterable[pa.Table], schema: pa.Schema) -> pa.Table:
    return pa.concat_tables([schema.empty_table(), *tables]).sort_by("time")


def _latest(rows: Iterable[Row]) -> tuple[dict[str, Row], Counter[str]]:
    """Of each response id the last row, and how many there were before them."""
    latest: dict[str, Row] = {}
    left_out: Counter[str] = Counter()
    for row in rows:
        left_out["scored again later"] += row["response_id"] in latest
        latest[row["response_id"]] = row
    return latest, +left_out


def _by_id(choices: Iterable[Row]) -> dict[str, list[Row]]:
    by_id: dict[str, list[Row]] = {}
    for choice in choices:
        by_id.setdefault(choice["response_id"], []).append(choice)
    return by_id


def _unusable(choices: list[Row]) -> str | None:
    """Why no outcome can be made of feedback on an id that these choices have."""
    if not choices:
        return "no such answer in the journal"
    if len(choices) > 1:
        return "several answers of that id"
    if choices[0]["broken"]:
        return "the answer broke off"
    if choices[0]["instruction"] is None:
        return "the instruction was not kept (key 'router.journal.text')"
    return None


def _question(question_id: str, prompt: str) -> dict[str, Any]:
    names = {"question_id": question_id, "dataset": DATASET, "category": DATASET}
    return names | {"prompt": prompt, "answer": ""}  # nobody wrote down what is right


def _outcome(of: tuple[str, str], scores: list[float]) -> dict[str, Any]:
    model_id, question_id = of
    return {"model_id": model_id, "question_id": question_id, "score": sum(scores) / len(scores)}
