"""What is read from the journal, and the outcomes that feedback becomes."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from actors.assessor.parts import read_source
from actors.assessor.plan import Source
from actors.examiner.card import CapabilityCard
from actors.examiner.outcomes import outcome_matrix
from actors.router.answered import Answered
from actors.router.journal import Journal
from actors.router.records import (
    outcomes_of_feedback,
    read_choices,
    read_feedback,
    with_feedback,
    write_collected,
)
from actors.tuner.samples import read_samples
from cluster.errors import StoreError, TableError
from cluster.settings import JournalSettings
from cluster.store import Store
from cluster.tables import FEEDBACK, JOURNAL, OUTCOMES, QUESTIONS, from_rows

MakeAnswered = Callable[..., Answered]
FULL = JournalSettings(text="full")
QUESTION = [{"dataset": "d", "category": "c", "prompt": "Exam?", "answer": "yes"}]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "store"))


def test_an_empty_journal_reads_as_empty_tables(store: Store) -> None:
    assert read_choices(store) == JOURNAL.empty_table()
    assert read_feedback(store) == FEEDBACK.empty_table()
    collected = outcomes_of_feedback(store)
    assert collected.questions == QUESTIONS.empty_table()
    assert collected.outcomes == OUTCOMES.empty_table()


def test_a_file_that_is_none_is_named(store: Store) -> None:
    store.write_bytes("journal/choices/2026-01-01/x.parquet", b"no parquet")
    with pytest.raises(StoreError, match=r"2026-01-01/x\.parquet: is no Parquet"):
        read_choices(store)


def fill(store: Store, make_answered: MakeAnswered) -> None:
    """Choices of two replicas, and feedback that each got on the other's answers."""
    one, two = (Journal(store, FULL) for _ in range(2))
    one.record(make_answered("r1", "What is 2 + 2?"))
    two.record(make_answered("r2", "What is 2 + 2?", candidate="b", score=0.25))
    two.record(make_answered("r3", "What is 2 + 2?"))
    one.record(make_answered("r4", "Who wrote Faust?"))
    one.record(make_answered("broke off", "Who?", broken="the engine died"))
    one.record(make_answered("twice"))
    two.record(make_answered("twice"))
    one.record(make_answered("never scored", "Anything else?"))
    two.feedback("r1", 0.0, "a mistake, see below")
    two.feedback("r1", 1.0, None)
    one.feedback("r2", 0.0, None)
    one.feedback("r3", 0.5, None)
    one.feedback("r4", 0.0, None)
    for response_id in ("broke off", "twice", "made up"):
        one.feedback(response_id, 1.0, None)
    for log in (one, two):
        log.close()
    silent = Journal(store, JournalSettings(text="hashed"))
    silent.record(make_answered("no text"))
    silent.feedback("no text", 1.0, None)
    silent.close()


def test_feedback_joins_the_choices_it_is_about(store: Store, make_answered: MakeAnswered) -> None:
    fill(store, make_answered)
    collected = outcomes_of_feedback(store)
    prompts = dict(
        zip(
            collected.questions["question_id"].to_pylist(),
            collected.questions["prompt"].to_pylist(),
            strict=True,
        )
    )
    rows = collected.outcomes.select(["model_id", "question_id", "score"]).to_pylist()
    assert {(row["model_id"], prompts[row["question_id"]]): row["score"] for row in rows} == {
        ("a", "What is 2 + 2?"): 0.75,  # the mean of two answers, of one the later score
        ("b", "What is 2 + 2?"): 0.0,
        ("a", "Who wrote Faust?"): 0.0,
    }
    assert (len(rows), len(prompts), collected.joined) == (3, 2, 4)
    assert collected.left_out == {
        "scored again later": 1,
        "the answer broke off": 1,
        "several answers of that id": 1,
        "no such answer in the journal": 1,
        "the instruction was not kept (key 'router.journal.text')": 1,
    }
    assert collected.joined + collected.left_out.total() == read_feedback(store).num_rows


def test_tuning_and_assessment_read_what_was_collected(
    store: Store, make_answered: MakeAnswered, make_card: Callable[..., CapabilityCard]
) -> None:
    fill(store, make_answered)
    place = write_collected(store, outcomes_of_feedback(store))
    matrix = read_source(Source(folder=place))
    assert matrix.candidates == ["a", "b"]
    faust = matrix.prompts.index("Who wrote Faust?")
    np.testing.assert_array_equal(matrix.scores_NM[faust], [0.0, np.nan])
    np.testing.assert_array_equal(matrix.scores_NM[1 - faust], [0.75, 0.0])
    exam = from_rows([row | {"question_id": "exam"} for row in QUESTION], QUESTIONS)
    right = from_rows([{"model_id": "a", "question_id": "exam", "score": 1.0}], OUTCOMES)
    questions, outcomes = with_feedback(store, ["a", "gone"], exam, right)
    assert set(outcomes["model_id"].to_pylist()) == {"a"}
    assert len(outcome_matrix(questions, outcomes)) == 3
    samples = read_samples(outcomes, questions, [make_card("a", [0.5])], held_out=1e-9)
    assert samples.train[0][1:] == (["Exam?", "What is 2 + 2?"], ["Who wrote Faust?"])


def test_what_was_not_collected_is_named(store: Store) -> None:
    with pytest.raises(
        StoreError, match=r"/feedback: no outcomes; run: model-sat collect-feedback"
    ):
        with_feedback(store, ["a"], QUESTIONS.empty_table(), OUTCOMES.empty_table())
    with pytest.raises(TableError, match="no outcome can be made of it; no row"):
        write_collected(store, outcomes_of_feedback(store))
    log = Journal(store, FULL)
    log.feedback("made up", 1.0, None)
    log.close()
    with pytest.raises(TableError, match="1 left out: no such answer in the journal"):
        write_collected(store, outcomes_of_feedback(store))
    assert not store.exists("feedback")
