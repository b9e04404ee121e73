"""Gives the aptitude test to the candidates of a zoo, on Ray Data, and writes their cards.

Owns who is still to be examined, and what failures mean:

* A candidate that has a card of this test, from engine settings that answer alike, and outcomes of
  all questions asked, is left alone.
* A row that failed is no wrong answer: it is left out of the card. More than one failed row in
  a hundred would make the card another test's, so the candidate gets none: EngineError.
* A candidate that fails does not stop the others; the error is raised after them. As many are
  examined at once as the cluster has room for (``actors.candidate.side_by_side``).

Where things lie in the store is said in ``records.py``.
"""

import logging
import time

import pyarrow as pa
import pyarrow.compute as pc

from actors.candidate.batch import batch_engine
from actors.candidate.engine import BatchEngine, Sampling
from actors.candidate.side_by_side import engine_errors, side_by_side
from actors.examiner.aptitude import AptitudeTest, planned_test
from actors.examiner.card import CapabilityCard, TaskResult
from actors.examiner.marking import mark
from actors.examiner.questions import conversation
from actors.examiner.records import (
    has_card,
    load_cards,
    write_card,
    write_result,
    write_test,
)
from cluster import progress
from cluster.errors import EngineError
from cluster.settings import Settings
from cluster.store import Store
from cluster.tables import OUTCOMES, from_rows
from cluster.zoo import Candidate, Zoo

_FAILED_SHARE = 0.01

log = logging.getLogger(__name__)


def examine(zoo: Zoo, settings: Settings, store: Store) -> list[CapabilityCard]:
    """Examines the candidates that need it; returns the cards of all, in the zoo's order.

    Raises:
        UserError: questions, a model folder or an API key cannot be had; nothing was run then.
        EngineError: a candidate failed; the others were examined before.
    """
    test = planned_test(settings.exam)
    todo = [candidate for candidate in zoo.candidates if not _is_examined(candidate, test, store)]
    batch_size = settings.exam.batch_size
    engines = {candidate.id: batch_engine(candidate, store, batch_size) for candidate in todo}
    write_test(store, test)

    def give(id: str) -> None:
        _examine_one(zoo.candidate(id), engines[id], test, batch_size, store)

    side_by_side(engines, give)
    return load_cards(store, test.hash, zoo.ids())


def _is_examined(candidate: Candidate, test: AptitudeTest, store: Store) -> bool:
    if not has_card(store, test.hash, candidate.id):
        return False
    (card,) = load_cards(store, test.hash, [candidate.id])
    path = f"exams/{test.hash}/outcomes/{candidate.id}.parquet"
    answered = store.read_table(path)["question_id"].to_pylist()
    asked = set(test.asked()["question_id"].to_pylist())
    # Earlier cards hold all settings of an engine.
    same_engine = candidate.answering().items() <= card.engine.items()
    if not same_engine or not asked <= set(answered):
        return False
    log.info("%s: has a card of test %s; not examined again", candidate.id, test.hash)
    if card.notes != candidate.notes:
        write_card(store, card.model_copy(update={"notes": candidate.notes}))
    return True


def _examine_one(
    candidate: Candidate, engine: BatchEngine, test: AptitudeTest, batch_size: int, store: Store
) -> None:
    started = time.monotonic()
    outcomes = _outcomes(candidate.id, engine, test, batch_size)
    _check_failures(candidate.id, outcomes)
    card = capability_card(candidate, test, outcomes)
    write_result(store, card, outcomes)
    seconds = time.monotonic() - started
    log.info(
        "%s: %.1f%% of the test, %d questions in %.0f s (%.1f a second)",
        candidate.id,
        100 * card.mean_accuracy(),
        outcomes.num_rows,
        seconds,
        outcomes.num_rows / seconds,
    )


def _outcomes(model_id: str, engine: BatchEngine, test: AptitudeTest, batch_size: int) -> pa.Table:
    """OUTCOMES of all questions asked, failed rows included."""
    import ray

    asked = test.asked().to_pylist()
    chats = pa.table(
        {
            "question_id": [question["question_id"] for question in asked],
            "messages": [conversation(question) for question in asked],
        }
    )
    # One block a batch: replicas share the blocks.
    blocks = [chats.slice(start, batch_size) for start in range(0, len(asked), batch_size)]
    with engine_errors(model_id):
        answered = engine.answer(ray.data.from_arrow(blocks), Sampling(test.max_tokens))
        with progress.line(model_id, len(asked)) as line:
            rows = list(line.counted(answered.iter_rows()))
    questions = {question["question_id"]: question for question in asked}
    for row in rows:
        row["model_id"] = model_id
        row["score"] = mark(row["output"], questions[row["question_id"]])
    return from_rows(rows, OUTCOMES)


def _check_failures(model_id: str, outcomes: pa.Table) -> None:
    errors = outcomes["error"].drop_null()
    if len(errors) == 0:
        return
    first = f"{len(errors)} of {outcomes.num_rows} questions failed; the first: {errors[0]}"
    if len(errors) > _FAILED_SHARE * outcomes.num_rows:
        raise EngineError(f"candidate '{model_id}': {first}")
    log.warning("%s: %s", model_id, first)


def capability_card(candidate: Candidate, test: AptitudeTest, outcomes: pa.Table) -> CapabilityCard:
    """The card from a candidate's outcomes: the questions of the test that were answered.

    Raises:
        EngineError: no question of some task was answered.
    """
    answered = outcomes.filter(pc.is_null(outcomes["error"]))
    scores = dict(
        zip(answered["question_id"].to_pylist(), answered["score"].to_pylist(), strict=True)
    )
    tasks: dict[str, list[float]] = {}
    keywords: dict[str, list[str]] = {}
    for question in test.questions.to_pylist():
        task = question["category"]
        keywords[task] = question["keywords"] or []
        tasks.setdefault(task, [])
        if question["question_id"] in scores:
            tasks[task].append(scores[question["question_id"]])
    empty = [task for task, marks in tasks.items() if not marks]
    if empty:
        raise EngineError(f"candidate '{candidate.id}': no question of '{empty[0]}' was answered")
    return CapabilityCard(
        model_id=candidate.id,
        test=test.hash,
        tasks=[
            TaskResult(
                task=task,
                keywords=keywords[task],
                accuracy=sum(marks) / len(marks),
                count=len(marks),
            )
            for task, marks in tasks.items()
        ],
        notes=candidate.notes,
        engine=candidate.answering(),
    )
