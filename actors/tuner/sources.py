"""Folders of outcomes that selectors are tuned on beside the exam's: collected, or imported.

Owns what of a folder is taken: outcomes of the candidates that have a card, of questions that are
no part of the aptitude test (in whatever words' case and spacing), which a selector is never tuned
on, nor known already.
"""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from actors.examiner.outcomes import normal_words
from cluster.errors import TableError
from cluster.store import Store
from cluster.tables import OUTCOMES, QUESTIONS, check_outcomes, check_unique, conform, read_table

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
    questions, outcomes = questions.select(_READ.names), outcomes.select(OUTCOMES.names)
    words = {normal_words(prompt) for prompt in tested["prompt"].to_pylist()}
    for folder in folders:
        place = _place(store, folder)
        found = conform(read_table(f"{place}/questions.parquet"), _READ, f"{place}: questions")
        new = [normal_words(prompt) not in words for prompt in found["prompt"].to_pylist()]
        found = found.filter(pa.array(new))
        rows = check_outcomes(read_table(f"{place}/outcomes.parquet"), place)
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
        words |= {normal_words(prompt) for prompt in found["prompt"].to_pylist()}
        questions = pa.concat_tables([questions.cast(_READ), found])
        outcomes = pa.concat_tables([outcomes, rows])
    check_unique(questions, ["question_id"], f"questions of {', '.join(folders)} and the exam")
    return questions, outcomes


def _place(store: Store, folder: str) -> str:
    if folder.startswith(_STORE):
        return store.url_of(folder.removeprefix(_STORE))
    return folder.rstrip("/")


def _among(ids: pa.ChunkedArray, questions: pa.Table) -> pa.ChunkedArray:
    return pc.is_in(ids, value_set=questions["question_id"].combine_chunks())
