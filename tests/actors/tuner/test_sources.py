from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from actors.tuner.sources import with_outcomes
from cluster.errors import TableError
from cluster.store import Store
from cluster.tables import OUTCOMES, QUESTIONS, from_rows

NONE = (QUESTIONS.empty_table(), QUESTIONS.empty_table(), OUTCOMES.empty_table())
WORDS = {f"q{n}": f"What is {n}?" for n in range(5)}


def question(id_: str, prompt: str, **more: Any) -> dict[str, Any]:
    return {
        "question_id": id_,
        "prompt": prompt,
        "dataset": "d",
        "category": "c",
        "answer": "A",
    } | (more)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path))


def put(
    store: Store, name: str, questions: list[dict[str, Any]], right: dict[str, list[str]]
) -> str:
    """A folder of these questions, and outcomes of each candidate in all of them."""
    outcomes = [
        {"model_id": model_id, "question_id": row["question_id"]}
        | {"score": float(row["question_id"] in ids)}
        for model_id, ids in right.items()
        for row in questions
    ]
    store.write_table(f"{name}/questions.parquet", from_rows(questions, QUESTIONS))
    store.write_table(f"{name}/outcomes.parquet", from_rows(outcomes, OUTCOMES))
    return f"store://{name}"


def told(questions: pa.Table, outcomes: pa.Table) -> set[tuple[str, str, float]]:
    """Who got how much in which words."""
    prompts = dict(
        zip(questions["question_id"].to_pylist(), questions["prompt"].to_pylist(), strict=True)
    )
    rows = outcomes.select(["model_id", "question_id", "score"]).to_pylist()
    found = {(row["model_id"], prompts[row["question_id"]], row["score"]) for row in rows}
    assert len(found) == len(rows)
    return found


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("prefix", ["", "other-"])
def test_candidates_in_folders_of_the_same_questions_are_joined(
    store: Store, turned: bool, prefix: str
) -> None:
    four = [question(id_, words) for id_, words in [*WORDS.items()][:4]]
    five = [question(prefix + id_, words.upper()) for id_, words in WORDS.items()]
    folders = [
        put(store, "a", four, {"a": ["q0", "q1"]}),
        put(store, "b", five, {"b": [f"{prefix}q2", f"{prefix}q4"]}),
    ]
    found = with_outcomes(store, folders[::-1] if turned else folders, ["a", "b"], *NONE)
    assert {(name, words.lower(), score) for name, words, score in told(*found)} == {
        *(("a", f"what is {n}?", float(n in (0, 1))) for n in range(4)),
        *(("b", f"what is {n}?", float(n in (2, 4))) for n in range(5)),
    }
    assert found[0].num_rows == 5


def test_of_two_outcomes_of_a_candidate_in_a_question_the_first_counts(store: Store) -> None:
    asked = [question("q0", WORDS["q0"])]
    folders = [put(store, "one", asked, {"a": []}), put(store, "two", asked, {"a": ["q0"]})]
    for turned, score in ((folders, 0.0), (folders[::-1], 1.0)):
        assert told(*with_outcomes(store, turned, ["a"], *NONE)) == {("a", "What is 0?", score)}


def test_what_was_given_before_the_folders_comes_first(store: Store) -> None:
    known = from_rows([question("said", "what is  0?", category="feedback")], QUESTIONS)
    before = from_rows([{"model_id": "a", "question_id": "said", "score": 0.25}], OUTCOMES)
    folder = put(store, "one", [question("q0", WORDS["q0"])], {"a": ["q0"], "b": ["q0"]})
    questions, outcomes = with_outcomes(store, [folder], ["a", "b"], NONE[0], known, before)
    assert questions["category"].to_pylist() == ["feedback"]
    assert told(questions, outcomes) == {("a", "what is  0?", 0.25), ("b", "what is  0?", 1.0)}


def test_other_options_make_another_question(store: Store) -> None:
    asked = [
        question("first", "Which is even?", options=["1", "2"]),
        question("second", "Which is even?", options=["3", "4"]),
    ]
    folder = put(store, "one", asked, {"a": ["first"]})
    questions, outcomes = with_outcomes(store, [folder], ["a"], *NONE)
    assert questions["question_id"].to_pylist() == ["first", "second"]
    assert outcomes["score"].to_pylist() == [1.0, 0.0]


@pytest.mark.parametrize("turned", [False, True])
def test_an_id_of_two_questions_is_an_error(store: Store, turned: bool) -> None:
    folders = [
        put(store, "one", [question("q1", "Why?")], {"a": []}),
        put(store, "two", [question("q2", "Why?"), question("q1", "Who?")], {"a": []}),
    ]
    with pytest.raises(TableError, match=r"the exam: each 'question_id' .*; 'q1' is of two"):
        with_outcomes(store, folders[::-1] if turned else folders, ["a"], *NONE)


def test_questions_of_the_exam_are_left_out(store: Store) -> None:
    folder = put(store, "one", [question("q0", WORDS["q0"])], {"a": []})
    tested = pa.table({"prompt": ["WHAT  is 0?"]})
    with pytest.raises(TableError, match="no outcome to tune on of a, in questions that the exam"):
        with_outcomes(store, [folder], ["a"], tested, *NONE[1:])


def test_folders_of_a_store_at_a_url_with_options(s3_server: Any) -> None:
    store = Store(s3_server.new_bucket())
    folder = put(store, "collected/ours", [question("q1", "Why?")], {"a": ["q1"]})
    for named in (folder, store.url_of("collected/ours")):
        questions, outcomes = with_outcomes(store, [named], ["a"], *NONE)
        assert told(questions, outcomes) == {("a", "Why?", 1.0)}
