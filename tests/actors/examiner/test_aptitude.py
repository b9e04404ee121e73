from typing import Any

import pyarrow as pa
import pytest

from actors.examiner.aptitude import AptitudeTest, draw_test
from cluster.errors import UserError
from cluster.settings import ExamSettings
from cluster.tables import QUESTIONS, from_rows


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


def draw(table: pa.Table | None = None, **exam: Any) -> AptitudeTest:
    settings = {"tasks": 3, "shots": 2, "practice": 1, **exam}
    return draw_test(questions() if table is None else table, ExamSettings(**settings))


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


def test_too_few_tasks() -> None:
    with pytest.raises(UserError, match=r"have 4 tasks; 5 were asked for"):
        draw(tasks=5)


def test_too_few_questions_name_the_task() -> None:
    with pytest.raises(UserError, match=r"task 'task \d' has 6 questions; 4 \+ 3 were asked for"):
        draw(shots=4, practice=3)
