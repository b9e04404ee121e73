"""Folders of outcomes that selectors are tuned on beside the exam's: collected, or imported.

Owns what of a folder is taken: outcomes of the candidates that have a card, of questions that are
no part of the aptitude test, which a selector is never tuned on; and that a question counts once in
whatever folders it stands, under whatever ids. Neither case nor spacing makes another question.
"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from actors.examiner.outcomes import normal_words
from actors.examiner.questions import question_text
from cluster.errors import TableError
from cluster.store import Store
from cluster.tables import (
    OUTCOMES,
    QUESTIONS,
    check_options,
    check_outcomes,
    conform,
    file_in,
    read_table,
)

_STORE = "store://"
# What is read of a question. Imported ones may lack the rest.
_READ = pa.schema(
    [QUESTIONS.field(name) for name in ("question_id", "dataset", "category", "prompt", "options")]
)


def with_outcomes(
    store: Store,
    folders: Sequence[str],
    ids: Sequence[str],
    tested: pa.Table,
    questions: pa.Table,
    outcomes: pa.Table,
) -> tuple[pa.Table, pa.Table]:
    """Questions and OUTCOMES, and after them those of ``folders``.

    A question that stands in several of them is the first one's row, with the outcomes of all; of a
    candidate's outcomes in it the first counts.

    Args:
        store: where ``store://`` points.
        folders: hold questions.parquet and outcomes.parquet; paths, URLs, or store://PATH.
        ids: of the candidates.
        tested: questions of the exam, none of which is taken again.
        questions: question_id, dataset, category, prompt, options.
        outcomes: OUTCOMES of these.

    Raises:
        TableError: a table is missing or breaks a rule, two different questions share an id, or a
            folder has nothing to take.
    """
    questions = questions.select(_READ.names).cast(_READ)
    outcomes = outcomes.select(OUTCOMES.names)
    exam = {normal_words(prompt) for prompt in tested["prompt"].to_pylist()}
    for folder in folders:
        place = _place(store, folder)
        found = conform(
            read_table(file_in(place, "questions.parquet")), _READ, f"{place}: questions"
        )
        check_options(found, place)
        new = [normal_words(prompt) not in exam for prompt in found["prompt"].to_pylist()]
        found = found.filter(pa.array(new))
        rows = check_outcomes(read_table(file_in(place, "outcomes.parquet")), place)
        rows = rows.filter(
            pc.and_(
                pc.and_(_among(rows["question_id"], found), pc.is_null(rows["error"])),
                pc.is_in(rows["model_id"], value_set=pa.array(ids, pa.string())),
            )
        )
        if rows.num_rows == 0:
            raise TableError(
                f"{place}: has no outcome to tune on of {', '.join(ids)}, in questions that the "
                "exam has not"
            )
        questions = pa.concat_tables([questions, found])
        outcomes = pa.concat_tables([outcomes, rows])
    return _each_once(questions, outcomes, f"questions of {', '.join(folders)} and the exam")


def _each_once(questions: pa.Table, outcomes: pa.Table, name: str) -> tuple[pa.Table, pa.Table]:
    """The first row of each question, and of each candidate's outcomes in it."""
    ids = questions["question_id"].to_pylist()
    words_of: dict[str, str] = {}  # of an id
    first: dict[str, int] = {}  # row of a question's words
    asked = zip(questions["prompt"].to_pylist(), questions["options"].to_pylist(), strict=True)
    for row, (id_, (prompt, options)) in enumerate(zip(ids, asked, strict=True)):
        words = normal_words(question_text(prompt, options))
        first.setdefault(words, row)
        if words_of.setdefault(id_, words) != words:
            raise TableError(
                f"{name}: each 'question_id' must be of one question; '{id_}' is of two"
            )
    joined = [ids[first[words_of[id_]]] for id_ in outcomes["question_id"].to_pylist()]
    place = OUTCOMES.get_field_index("question_id")
    outcomes = outcomes.set_column(place, OUTCOMES.field(place), pa.array(joined, pa.string()))
    pairs = outcomes.select(["model_id", "question_id"])
    rows = pairs.append_column("row", pa.array(np.arange(len(pairs))))
    rows = rows.group_by(["model_id", "question_id"]).aggregate([("row", "min")])
    kept = np.sort(rows["row_min"].to_numpy())
    return questions.take(list(first.values())), outcomes.take(kept)


def _place(store: Store, folder: str) -> str:
    if folder.startswith(_STORE):
        return store.url_of(folder.removeprefix(_STORE))
    return folder


def _among(ids: pa.ChunkedArray, questions: pa.Table) -> pa.ChunkedArray:
    return pc.is_in(ids, value_set=questions["question_id"].combine_chunks())
