from typing import Any

import pytest

from actors.examiner.circle import hard_questions, rotations, stood
from cluster.tables import OUTCOMES, from_rows


def hard(rows: list[dict[str, Any]], share: float) -> set[str]:
    return set(hard_questions(from_rows(rows, OUTCOMES), share).to_pylist())


def test_options_go_round_and_the_answer_goes_with_them() -> None:
    question = {"prompt": "Which?", "options": ["w", "x", "y"], "answer": "B"}
    turned = rotations(question)
    assert [each["options"] for each in turned] == [["x", "y", "w"], ["y", "w", "x"]]
    assert [each["answer"] for each in turned] == ["A", "C"]
    for each in turned:
        assert each["options"]["ABC".index(each["answer"])] == "x"
        assert each["prompt"] == "Which?"


def test_hard_are_those_that_few_got_right_and_failures_count_for_nobody() -> None:
    scores = {"easy": [1, 1, 0, 0], "hard": [1, 0, 0, 0], "none": [0, 0, 0, 0]}
    rows = [
        {"model_id": f"m{place}", "question_id": name, "score": score}
        for name, marks in scores.items()
        for place, score in enumerate(marks)
    ]
    assert hard(rows, 0.25) == {"hard", "none"}, "the share itself counts: one of four"
    assert hard(rows, 0.24) == hard(rows, 0.0) == {"none"}
    failed = {"model_id": "x", "question_id": "hard", "score": 0.0, "error": "too long"}
    assert hard([*rows, *[failed] * 9], 0.24) == {"none"}


@pytest.mark.parametrize(
    ("rotated", "circle"),
    [
        ([True, True], True),
        ([True, False], False),
        ([None, False], False),  # one wrong rotation is enough
        ([None, True], None),
    ],
)
def test_all_rotations_must_be_right(rotated: list[bool | None], circle: bool | None) -> None:
    assert stood(rotated) is circle
