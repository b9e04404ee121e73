"""Tables: the columns that pass, and the rows that errors name."""

import json
import pickle
from pathlib import Path

import pyarrow as pa
import pytest

from cluster.errors import ModelSatError, TableError, UserError
from cluster.tables import (
    OUTCOMES,
    check_instructions,
    check_outcomes,
    check_questions,
    from_rows,
    read_table,
)


def outcomes(**columns: list[object]) -> pa.Table:
    return pa.table(
        {"model_id": ["a", "b"], "question_id": ["q", "q"], "score": [0.0, 1.0]} | columns
    )


def questions(**columns: list[object]) -> pa.Table:
    row = {"question_id": ["q"], "dataset": ["d"], "category": ["c"], "prompt": ["p"]}
    return pa.table(row | {"options": [["x", "y"]], "answer": ["B"]} | columns)


def test_outcomes_get_all_columns_and_drop_others() -> None:
    table = check_outcomes(outcomes(extra=[1, 2]), "here")
    assert table.schema == OUTCOMES
    assert table["output"].null_count == 2


def test_correct_alone_becomes_the_score() -> None:
    table = pa.table({"model_id": ["a"], "question_id": ["q"], "correct": pa.array([1], pa.int8())})
    assert check_outcomes(table, "here")["score"].to_pylist() == [1.0]


def test_correct_as_text_is_refused() -> None:
    table = outcomes(correct=["yes", "no"]).drop(["score"])
    with pytest.raises(TableError, match="here: column 'correct' must be double; found string"):
        check_outcomes(table, "here")


@pytest.mark.parametrize(
    ("columns", "parts"),
    [
        ({"score": [0.5, 1.5]}, ["[0, 1]", "rows [1]", "1.5"]),
        ({"score": [float("nan"), 1.0]}, ["[0, 1]", "rows [0]"]),
        ({"score": ["high", "low"]}, ["'score'", "double", "string"]),
        ({"score": [None, 1.0]}, ["'score'", "no null", "[0]"]),
        ({"model_id": ["a", "a"]}, ["(model_id, question_id)", "('a', 'q')"]),
    ],
)
def test_outcomes_that_break_a_rule(columns: dict[str, list[object]], parts: list[str]) -> None:
    with pytest.raises(TableError) as caught:
        check_outcomes(outcomes(**columns), "here.parquet")
    for part in ["here.parquet", *parts]:
        assert part in str(caught.value)


def test_missing_column_and_empty_table() -> None:
    with pytest.raises(TableError, match=r"'score'.*missing; found: model_id, question_id"):
        check_outcomes(outcomes().drop(["score"]), "here")
    with pytest.raises(TableError, match="empty"):
        check_outcomes(outcomes().slice(0, 0), "here")


def test_answers_are_letters_of_the_options() -> None:
    assert check_questions(questions(), "here")["answer"].to_pylist() == ["B"]
    with pytest.raises(TableError, match=r"row 0.*A to B; found 'C'"):
        check_questions(questions(answer=["C"]), "here")


def test_more_options_than_letters_are_refused() -> None:
    with pytest.raises(TableError, match=r"here: question 'q' has 27 options; at most 26 have a"):
        check_questions(questions(options=[["x"] * 27]), "here")


def test_instructions_are_prompts_or_messages() -> None:
    table = check_instructions(pa.table({"prompt": ["x", "y"]}), "here")
    assert table["instruction_id"].to_pylist() == ["0", "1"]
    chat = pa.table({"prompt": ["x", None], "messages": [None, [{"role": "user", "content": "y"}]]})
    assert check_instructions(chat, "here").num_rows == 2
    with pytest.raises(TableError, match=r"rows \[1\] have both or neither"):
        check_instructions(pa.table({"prompt": ["x", None]}), "here")


def test_rows_lacking_keys_become_nulls() -> None:
    table = from_rows([{"model_id": "a", "question_id": "q", "score": 1.0}], OUTCOMES)
    assert table["error"].to_pylist() == [None]


def test_errors_survive_pickling_between_processes() -> None:
    error = pickle.loads(pickle.dumps(TableError("t: row 3")))
    assert isinstance(error, UserError)
    assert isinstance(error, ValueError)
    assert isinstance(error, ModelSatError)
    assert str(error) == "t: row 3"


def test_texts_of_jsonl_that_look_like_times_stay_as_they_are(tmp_path: Path) -> None:
    row = {
        "question_id": "2024-01-01T00:00:00Z",
        "prompt": "When was it?",
        "options": ["1969-07-20", "1969-07-20 20:17"],
        "messages": [{"role": "user", "content": "1969-07-20"}],
        "number": 7,
    }
    later = row | {"question_id": "2024-02-01", "options": None}
    (tmp_path / "times.jsonl").write_text(f"{json.dumps(row)}\n{json.dumps(later)}\n")
    assert read_table(str(tmp_path / "times.jsonl")).to_pylist() == [row, later]
