import numpy as np
import pyarrow as pa
import pytest

from actors.examiner.outcomes import cards_from_outcomes, outcome_matrix, split_position
from cluster.errors import TableError

Row = tuple[str, str, float]

QUESTIONS = pa.table(
    {
        "question_id": ["q1", "q2", "q3", "q4"],
        "dataset": ["d"] * 4,
        "category": ["math", "math", "law", "law"],
        "subject": ["sums", "roots", "torts", "torts"],
        "prompt": ["1+1?", "2+2?", "Who pays?", "Never asked?"],
        "options": [["1", "2"], None, None, None],
    }
)


def outcomes(rows: list[Row]) -> pa.Table:
    names = ("model_id", "question_id", "score")
    columns = zip(*rows, strict=True)
    return pa.table({name: list(column) for name, column in zip(names, columns, strict=True)})


ROWS = [("b", "q2", 0.0), ("a", "q1", 1.0), ("b", "q1", 0.5), ("a", "q3", 1.0)]


def test_a_matrix_has_a_row_a_question_and_a_column_a_candidate() -> None:
    matrix = outcome_matrix(QUESTIONS, outcomes(ROWS), "subject")
    assert matrix.candidates == ["a", "b"]
    assert matrix.question_ids == ["q1", "q2", "q3"]  # q4 has no outcome
    assert matrix.texts[0] == "1+1?\nA. 1\nB. 2"
    assert matrix.tasks == ["sums", "roots", "torts"]
    expected = [[1.0, 0.5], [np.nan, 0.0], [1.0, np.nan]]
    np.testing.assert_array_equal(matrix.scores_NM, np.array(expected, np.float32))


def test_outcomes_that_all_failed_are_refused() -> None:
    failed = outcomes(ROWS).append_column("error", pa.array(["no GPU"] * 4))
    with pytest.raises(TableError, match=r"all 4 outcomes failed .*the first by 'no GPU'"):
        outcome_matrix(QUESTIONS, failed)


def test_more_options_than_letters_are_refused_by_name() -> None:
    options = pa.array([None, ["x"] * 27, None, None])
    wide = QUESTIONS.set_column(QUESTIONS.column_names.index("options"), "options", options)
    with pytest.raises(TableError, match="outcomes: question 'q2' has 27 options; at most 26"):
        outcome_matrix(wide, outcomes(ROWS))


def test_questions_and_candidates_are_picked_in_the_order_asked_for() -> None:
    matrix = outcome_matrix(QUESTIONS, outcomes(ROWS))
    picked = matrix.of(["b", "a"]).questions([1, 0])
    assert picked.candidates == ["b", "a"]
    assert picked.question_ids == ["q2", "q1"]
    np.testing.assert_array_equal(picked.scores_NM[1], np.array([0.5, 1.0], np.float32))
    assert matrix.complete().question_ids == ["q1"]
    with pytest.raises(TableError, match="no candidate 'c'; there are: a, b"):
        matrix.of(["c"])


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([("a", "q1", 1.0), ("a", "q1", 0.0)], r"may stand in one row only.*'a', 'q1'"),
        ([("a", "q9", 1.0)], r"1 outcomes are of unknown questions, first: \[\('a', 'q9'\)\]"),
        ([("a", "q1", 1.5)], r"'score' must lie in \[0, 1\]; rows \[0\] hold \[1.5\]"),
    ],
)
def test_outcomes_at_fault_are_named(rows: list[Row], message: str) -> None:
    with pytest.raises(TableError, match=message):
        outcome_matrix(QUESTIONS, outcomes(rows))


def test_a_task_column_that_is_not_there_is_named() -> None:
    with pytest.raises(TableError, match=r"no column 'src'.*found: question_id, dataset"):
        outcome_matrix(QUESTIONS, outcomes(ROWS), "src")


def test_cards_hold_the_mean_score_of_each_task() -> None:
    rows = [("a", "q1", 1.0), ("a", "q2", 0.0), ("a", "q3", 1.0)]
    (card,) = cards_from_outcomes(outcome_matrix(QUESTIONS, outcomes(rows)), "test")
    assert {task.task: (task.accuracy, task.count) for task in card.tasks} == {
        "law": (1.0, 1),
        "math": (0.5, 2),
    }


def test_a_card_needs_all_questions_of_the_test() -> None:
    with pytest.raises(TableError, match=r"'b' was not asked question 'q3'|'a' was not asked"):
        cards_from_outcomes(outcome_matrix(QUESTIONS, outcomes(ROWS)), "test")


def test_the_split_hangs_on_words_and_seed_alone() -> None:
    prompts = [f"Question number {number}?" for number in range(500)]
    assert all(split_position(f" {p.upper()}\n") == split_position(p) for p in prompts)
    first, second = ([split_position(p, seed) < 0.3 for p in prompts] for seed in (0, 1))
    assert first != second
    assert 0.2 < np.mean(first) < 0.4
    assert 0.2 < np.mean(second) < 0.4
