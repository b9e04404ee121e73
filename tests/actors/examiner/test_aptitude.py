from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from actors.examiner.aptitude import (
    AptitudeTest,
    distinguishability,
    draw_test,
    planned_test,
    weighted_order,
)
from actors.examiner.outcomes import OutcomeMatrix, outcome_matrix
from cluster.errors import SettingsError, UserError
from cluster.settings import ExamSettings
from cluster.tables import OUTCOMES, QUESTIONS, from_rows


def questions(tasks: int = 4, each: int = 6) -> pa.Table:
    rows = [
        {
            "question_id": f"{task}/{number}",
            "dataset": "toy",
            "category": f"task {task}",
            "prompt": f"Question {number} of {task}?",
            "options": ["yes", "no"],
            "answer": "A",
        }
        for task in range(tasks)
        for number in range(each)
    ]
    return from_rows(rows, QUESTIONS)


def draw(
    table: pa.Table | None = None, outcomes: OutcomeMatrix | None = None, **exam: Any
) -> AptitudeTest:
    settings = {"tasks": 3, "shots": 2, "practice": 1, **exam}
    return draw_test(questions() if table is None else table, ExamSettings(**settings), outcomes)


def past(right_of_four: dict[int, int], table: pa.Table) -> pa.Table:
    """OUTCOMES of four candidates: how many got the questions of each number right."""
    rows = [
        {"model_id": f"m{candidate}", "question_id": name}
        | {"score": float(candidate < right_of_four[int(name.partition("/")[2])])}
        for name in table["question_id"].to_pylist()
        for candidate in range(4)
        if int(name.partition("/")[2]) in right_of_four
    ]
    return from_rows(rows, OUTCOMES)


def test_tasks_times_shots_and_practice_apart() -> None:
    test = draw()
    assert test.questions.num_rows == 6
    assert test.practice.num_rows == 3
    assert len(set(test.questions["category"].to_pylist())) == 3
    assert set(test.practice["category"].to_pylist()) == set(test.questions["category"].to_pylist())
    ids = test.asked()["question_id"].to_pylist()
    assert len(ids) == len(set(ids)) == 9


def test_the_same_settings_draw_the_same_test_in_any_order_of_rows() -> None:
    table = questions()
    backwards = table.take(list(range(table.num_rows - 1, -1, -1)))
    assert draw(table).hash == draw(backwards).hash
    assert len(draw().hash) == 16


def test_seed_questions_and_tokens_change_the_hash() -> None:
    hashes = {draw().hash, draw(seed=1).hash, draw(shots=3).hash, draw(max_tokens=4).hash}
    assert len(hashes) == 4


def test_practice_changes_neither_the_test_nor_what_was_practised_before() -> None:
    few, many = draw(practice=1), draw(practice=3)
    assert few.hash == many.hash
    assert few.questions.equals(many.questions)
    few_ids = set(few.practice["question_id"].to_pylist())
    assert few_ids < set(many.practice["question_id"].to_pylist())


def test_practice_on_the_bank_changes_no_test_or_is_refused() -> None:
    tests = [planned_test(ExamSettings(practice=practice)) for practice in (0, 10, 40)]
    assert {test.hash for test in tests} == {"654b902731865a4d"}
    with pytest.raises(
        UserError, match=r"'bank': task '\w+' has 60 questions; 20 \+ 41 were asked"
    ):
        planned_test(ExamSettings(practice=41))


def test_too_few_tasks() -> None:
    with pytest.raises(UserError, match=r"have 4 tasks; 5 were asked for"):
        draw(tasks=5)


def test_too_few_questions_name_the_task() -> None:
    with pytest.raises(UserError, match=r"task 'task \d' has 6 questions; 4 \+ 3 were asked for"):
        draw(shots=4, practice=3)


def test_distinguishability_by_hand() -> None:
    scores_NM = np.array(
        [[0, 0, 0, 0], [1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 1], [1, 0, np.nan, np.nan]], np.float32
    )
    np.testing.assert_allclose(distinguishability(scores_NM), [0, 3 / 16, 1 / 4, 0, 1 / 4])


def test_places_are_drawn_by_weight() -> None:
    orders = [weighted_order([3, 1, 0, 4], str(seed)) for seed in range(4000)]
    assert all(sorted(order) == [0, 1, 3] for order in orders)
    first = Counter(order[0] for order in orders)
    assert [first[place] / 4000 for place in (0, 1, 3)] == pytest.approx(
        [3 / 8, 1 / 8, 4 / 8], abs=0.03
    )
    after_3 = Counter(order[1] for order in orders if order[0] == 3)
    assert after_3[0] / after_3.total() == pytest.approx(3 / 4, abs=0.03)


def test_a_distinguishing_test_asks_what_told_candidates_apart() -> None:
    table = questions()
    # Question 0 all got right, 1 none, 2 to 4 some, 5 nobody was asked.
    matrix = outcome_matrix(table, past({0: 4, 1: 0, 2: 2, 3: 1, 4: 3}, table))
    tests = [draw(table, matrix, sampling="distinguishing", seed=seed) for seed in range(20)]
    asked = {
        name.partition("/")[2] for t in tests for name in t.questions["question_id"].to_pylist()
    }
    assert asked == {"2", "3", "4"}
    practised = {
        name.partition("/")[2] for t in tests for name in t.practice["question_id"].to_pylist()
    }
    assert practised == {"0", "1", "2", "3", "4", "5"}
    for test in tests:
        ids = test.asked()["question_id"].to_pylist()
        assert len(ids) == len(set(ids)) == 9


def test_a_distinguishing_test_is_the_same_in_any_order_of_rows_and_practice() -> None:
    table = questions()
    outcomes = past({0: 2, 1: 1, 2: 2, 3: 3}, table)
    turned = table.take(list(range(table.num_rows - 1, -1, -1)))
    first = draw(table, outcome_matrix(table, outcomes), sampling="distinguishing")
    second = draw(turned, outcome_matrix(turned, outcomes), sampling="distinguishing", practice=3)
    assert first.hash == second.hash
    assert first.hash != draw(table).hash


def test_a_distinguishing_test_without_outcomes_is_an_error() -> None:
    with pytest.raises(SettingsError, match=r"'exam.sampling'.*needs past outcomes.*exam.outcomes"):
        draw(sampling="distinguishing")


def test_too_few_distinguishing_questions_name_the_task() -> None:
    table = questions()
    matrix = outcome_matrix(table, past({0: 4, 1: 0, 2: 2}, table))
    with pytest.raises(
        UserError, match=r"task 'task \d' has 1 questions that some .* 2 were asked"
    ):
        draw(table, matrix, sampling="distinguishing")


def test_past_outcomes_are_read_from_files(tmp_path: Path) -> None:
    table = questions()
    outcomes = past({0: 4, 1: 0, 2: 2, 3: 1}, table)
    stranger = from_rows([{"model_id": "m0", "question_id": "else", "score": 1.0}], OUTCOMES)
    pq.write_table(table, tmp_path / "questions.parquet")
    pq.write_table(outcomes.slice(0, 40), tmp_path / "one.parquet")
    pq.write_table(pa.concat_tables([outcomes.slice(40), stranger]), tmp_path / "two.parquet")
    pq.write_table(stranger, tmp_path / "else.parquet")
    exam = ExamSettings(
        questions=str(tmp_path / "questions.parquet"),
        tasks=3,
        shots=2,
        sampling="distinguishing",
        outcomes=(str(tmp_path / "one.parquet"), str(tmp_path / "two.parquet")),
    )
    asked = planned_test(exam).questions["question_id"].to_pylist()
    assert {name.partition("/")[2] for name in asked} == {"2", "3"}
    # Failed, or right by luck: of question 2 nothing is known, 3 got nobody right.
    numbers = [name.partition("/")[2] for name in outcomes["question_id"].to_pylist()]
    failed = pa.array(["timed out" if number == "2" else None for number in numbers])
    lucky = pa.array([False if number == "3" else None for number in numbers], pa.bool_())
    place = outcomes.column_names.index
    outcomes = outcomes.set_column(place("error"), "error", failed)
    outcomes = outcomes.set_column(place("circle"), "circle", lucky)
    pq.write_table(outcomes, tmp_path / "two.parquet")
    pq.write_table(stranger, tmp_path / "one.parquet")
    with pytest.raises(UserError, match=r"has 0 questions that some"):
        planned_test(exam)
    of_others = exam.model_copy(update={"outcomes": (str(tmp_path / "else.parquet"),)})
    with pytest.raises(SettingsError, match=r"'exam.outcomes': no outcome is of questions"):
        planned_test(of_others)
