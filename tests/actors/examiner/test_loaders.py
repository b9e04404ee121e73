import json
from pathlib import Path

import pytest

from actors.examiner.loaders import hugging_face, ray_data, table
from cluster.errors import TableError, UserError


@pytest.fixture
def outcomes(tmp_path: Path) -> str:
    path = tmp_path / "outcomes.jsonl"
    rows = [{"model_id": "a", "question_id": f"q{n}", "score": n / 2} for n in range(3)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def test_outcomes_are_a_hugging_face_data_set(outcomes: str) -> None:
    found = hugging_face("outcomes", outcomes)
    assert found["score"][:] == [0.0, 0.5, 1.0]
    assert found.filter(lambda row: row["score"] == 1)["question_id"][:] == ["q2"]


def test_instructions_are_a_ray_data_set(ray_cluster: None, tmp_path: Path) -> None:
    (tmp_path / "i.jsonl").write_text('{"prompt": "Why?"}\n{"prompt": "Who?"}\n')
    rows = ray_data("instructions", str(tmp_path / "i.jsonl")).take_all()
    assert [(row["instruction_id"], row["prompt"]) for row in rows] == [
        ("0", "Why?"),
        ("1", "Who?"),
    ]


def test_rows_are_checked(outcomes: str) -> None:
    Path(outcomes).write_text('{"model_id": "a", "question_id": "q", "score": 2}')
    with pytest.raises(TableError, match=r"outcomes\.jsonl: 'score' must lie in \[0, 1\]"):
        hugging_face("outcomes", outcomes)
    with pytest.raises(UserError, match="no tables are called 'answers'; there are: instructions"):
        table("answers", outcomes)  # type: ignore[arg-type]
