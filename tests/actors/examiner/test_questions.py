import json
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from actors.examiner.questions import conversation, load_questions, question_text
from cluster.errors import TableError, UserError
from tests.hub import stand_in_hub


def row(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "question_id": str(number),
        "dataset": "toy",
        "category": "sums",
        "prompt": "1 + 1?",
        "options": ["1", "2"],
        "answer": "B",
        **changes,
    }


def test_options_stand_in_lines_with_letters() -> None:
    assert question_text("1 + 1?", ["1", "2"]) == "1 + 1?\nA. 1\nB. 2"
    assert question_text("1 + 1?", None) == "1 + 1?"


def test_a_letter_is_asked_for_where_there_are_options() -> None:
    (message,) = conversation(row(0))
    assert message["role"] == "user"
    assert message["content"].startswith("1 + 1?\nA. 1\nB. 2\n")
    assert "letter" in message["content"].splitlines()[-1]
    (message,) = conversation(row(0, options=None, answer="2"))
    assert "letter" not in message["content"]


def test_the_bank_has_as_many_questions_as_needed() -> None:
    questions = load_questions("bank")
    assert len(set(questions["category"].to_pylist())) >= 50
    more = load_questions("bank", per_task=61)
    assert more.num_rows > questions.num_rows


def test_parquet_and_jsonl_give_the_same_questions(tmp_path: Path) -> None:
    rows = [row(0), row(1, options=None, answer="2")]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "q.parquet")
    (tmp_path / "q.jsonl").write_text("".join(json.dumps(one) + "\n" for one in rows))
    questions = load_questions(str(tmp_path / "q.parquet"))
    assert questions.equals(load_questions(str(tmp_path / "q.jsonl")))
    assert questions["options"].to_pylist() == [["1", "2"], None]


def test_a_wrong_answer_letter_names_file_and_row(tmp_path: Path) -> None:
    path = tmp_path / "q.jsonl"
    path.write_text(json.dumps(row(0, answer="C")))
    with pytest.raises(TableError, match=r"q\.jsonl: row 0: 'answer' must be a letter"):
        load_questions(str(path))


def test_a_preset_reads_its_rows_from_a_file_too(tmp_path: Path) -> None:
    rows = [
        {"question": "1 + 1?", "subject": "high_school_sums", "choices": ["1", "2"], "answer": 1}
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "mmlu.parquet")
    (question,) = load_questions(f"mmlu:{tmp_path / 'mmlu.parquet'}").to_pylist()
    assert question["category"] == "high school sums"
    assert question["answer"] == "B"
    assert question["options"] == ["1", "2"]
    pq.write_table(pa.Table.from_pylist([row(0)]), tmp_path / "other.parquet")
    with pytest.raises(UserError, match=r"not those of cais/mmlu: KeyError 'subject'"):
        load_questions(f"mmlu:{tmp_path / 'other.parquet'}")


def test_an_unknown_source_lists_what_there_is() -> None:
    with pytest.raises(UserError, match=r"no questions 'bnk'; there are: bank, mmlu; or give"):
        load_questions("bnk")


def test_a_hub_needs_the_package_that_reads_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)  # as where it is not installed
    with pytest.raises(UserError, match=r"cais/mmlu.*pip install 'datasets"):
        load_questions("mmlu")


@pytest.mark.slow
def test_a_data_set_of_a_hub_is_fetched(tmp_path: Path) -> None:
    with stand_in_hub(tmp_path) as hub:
        data = hub.folder / "datasets" / "team" / "sums" / "data"
        data.mkdir(parents=True)
        pq.write_table(pa.Table.from_pylist([row(0), row(1)]), data / "test-00000.parquet")
        ran = hub.run("""
from actors.examiner.questions import load_questions
print(load_questions("team/sums")["question_id"].to_pylist())
load_questions("team/none")
""")
        assert ran.stdout.strip() == "['0', '1']", ran.stderr
        assert "team/sums/data/test-00000.parquet" in hub.fetched
        assert ran.stderr.splitlines()[-1].startswith(
            "cluster.errors.UserError: questions 'team/none', split 'test': "
        )
