import csv
import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from actors.examiner.importers import intake
from cluster.errors import SettingsError, TableError

Rows = list[dict[str, Any]]
Write = Callable[[Path, Rows], Path]


def as_parquet(path: Path, rows: Rows) -> Path:
    pq.write_table(pa.Table.from_pylist(rows), path.with_suffix(".parquet"), row_group_size=2)
    return path.with_suffix(".parquet")


def as_jsonl(path: Path, rows: Rows) -> Path:
    path.with_suffix(".jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path.with_suffix(".jsonl")


def as_csv(path: Path, rows: Rows, suffix: str = ".csv") -> Path:
    with path.with_suffix(suffix).open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, delimiter="\t" if suffix == ".tsv" else ",")
        writer.writerow(rows[0])
        for row in rows:
            plain = [json.dumps(v) if isinstance(v, list) else v for v in row.values()]
            writer.writerow(plain)
    return path.with_suffix(suffix)


def as_tsv(path: Path, rows: Rows) -> Path:
    return as_csv(path, rows, ".tsv")


WRITERS = [as_parquet, as_jsonl, as_csv, as_tsv]


def row(model: str | None, question: str | None, score: Any, **more: Any) -> dict[str, Any]:
    return {
        "model_id": model,
        "question_id": question,
        "score": score,
        "prompt": f"What is\n{question}, then?",
        "options": ["one", "two"],
        "answer": "B",
        "category": "numbers",
        **more,
    }


ROWS = [row("a", "q1", 1.0), row("a", "q2", 0.25), row("b", "q1", 0.0)]
SCORES = {("a", "q1"): 1.0, ("a", "q2"): 0.25, ("b", "q1"): 0.0}


@pytest.mark.parametrize("write", WRITERS)
def test_rows_become_questions_and_outcomes(write: Write, tmp_path: Path, imported: Any) -> None:
    found = imported("table", write(tmp_path / "rows", ROWS))
    assert found.scores() == SCORES
    assert list(found.questions()) == ["q1", "q2"]
    question = found.questions()["q1"]
    assert question["prompt"] == "What is\nq1, then?"
    assert (question["options"], question["answer"]) == (["one", "two"], "B")
    assert (question["dataset"], question["category"]) == ("rows", "numbers")
    assert (found.tally.outcomes, found.tally.questions, found.tally.models) == (3, 2, 2)
    assert not found.left_out()


def test_whole_numbers_as_pandas_writes_them_are_read(tmp_path: Path, imported: Any) -> None:
    lines = ["model_id,question_id,prompt,score,prompt_tokens", "a,1,Why?,1,12.0", "a,2,Who?,0,"]
    (tmp_path / "rows.csv").write_text("\n".join(lines))
    found = imported("table", tmp_path / "rows.csv")
    tokens = [row["prompt_tokens"] for row in found.outcomes().values()]
    assert tokens == [12, None]


@pytest.mark.parametrize("write", WRITERS)
def test_columns_are_mapped(write: Write, tmp_path: Path, imported: Any) -> None:
    rows = [{"llm": "a", "id": 7, "text": "Why?", "right": right} for right in (True,)]
    told = ("columns.model_id=llm", "columns.question_id=id", "columns.prompt=text")
    source = write(tmp_path / "rows", rows)
    found = imported("table", source, told=(*told, "columns.score=right", "dataset=ours"))
    assert found.scores() == {("a", "7"): 1.0}
    assert found.questions()["7"]["dataset"] == found.questions()["7"]["category"] == "ours"


@pytest.mark.parametrize("write", WRITERS)
def test_a_column_may_be_two_of_ours(write: Write, tmp_path: Path, imported: Any) -> None:
    rows = [{"model_id": "a", "prompt": "Why?", "score": 1, "dataset": "toy"}]
    told = ("columns.question_id=prompt", "columns.category=dataset")
    question = imported("table", write(tmp_path / "rows", rows), told=told).questions()["Why?"]
    assert question["prompt"] == "Why?"
    assert question["category"] == question["dataset"] == "toy"


@pytest.mark.parametrize("write", WRITERS)
def test_questions_may_have_a_file_of_their_own(
    write: Write, tmp_path: Path, imported: Any
) -> None:
    questions = [{"question_id": "q1", "prompt": "Why?", "answer": "so"}]
    outcomes = [
        {"model_id": "a", "question_id": "q1", "correct": 1},
        {"model_id": "a", "question_id": "q9", "correct": 1},
    ]
    source = write(tmp_path / "outcomes", outcomes)
    told = f"questions={write(tmp_path / 'questions', questions)}"
    found = imported("table", source, told=(told,))
    assert found.scores() == {("a", "q1"): 1.0}
    assert found.questions()["q1"]["answer"] == "so"
    assert found.left_out() == {intake.NO_PROMPT: 1}


def test_options_as_text_have_letters_or_are_left_out(tmp_path: Path, imported: Any) -> None:
    few, many = ["a, b, c"] * 26, ["x"] * 27
    rows = [row("a", f"q{len(each)}", 1.0, options=json.dumps(each)) for each in (few, many)]
    found = imported("table", as_parquet(tmp_path / "rows", rows))
    assert found.left_out() == {intake.TOO_MANY_OPTIONS: 1}
    assert list(found.questions()) == ["q26"]


BAD = [
    (row("a", "q3", float("nan")), intake.NOT_FINITE),
    (row("a", "q4", float("inf")), intake.NOT_FINITE),
    (row("a", "q5", -0.1), "score lies outside 0 to 1"),
    (row("a", "q6", 1.5), "score lies outside 0 to 1"),
    (row("a", "q7", None), intake.NO_SCORE),
    (row(None, "q1", 1.0), intake.NO_MODEL),
    (row(" ", "q1", 1.0), intake.NO_MODEL),
    (row("b", None, 1.0), intake.NO_QUESTION),
    (row("a", "q8", 1.0, prompt=None), intake.NO_PROMPT),
    (row("c", "q1", 1.0, prompt="Another text"), intake.OTHER_PROMPT),
    (row("c", "q1", 1.0, options=["two", "one"]), intake.OTHER_PROMPT),
    (row("a", "q9", 1.0, options=list(map(str, range(27)))), intake.TOO_MANY_OPTIONS),
    (row("a", "q1", 0.0), intake.TWICE),
]


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize(("bad", "reason"), BAD)
def test_bad_rows_are_left_out_and_counted(
    bad: dict[str, Any], reason: str, write: Write, tmp_path: Path, imported: Any
) -> None:
    source = write(tmp_path / "rows", [*ROWS, bad])
    found = imported("table", source)
    assert found.scores() == SCORES
    assert found.left_out() == {reason: 1}
    unit = {".jsonl": "line 4", ".parquet": "row 4"}.get(source.suffix, "row 5")
    assert found.tally.left_out[reason].first == f"{source}: {unit}"


def test_text_that_is_no_number_is_left_out(tmp_path: Path, imported: Any) -> None:
    scores = ["1", " 0.5 ", "TRUE", "false", "good", "1,5", "nan", "1e400", "-inf", "0x1"]
    rows = [row("a", f"q{number}", score) for number, score in enumerate(scores)]
    for write in WRITERS:
        found = imported("table", write(tmp_path / "rows", rows))
        assert [*found.scores().values()] == [1.0, 0.5, 1.0, 0.0], write
        assert found.left_out() == {intake.NO_SCORE: 3, intake.NOT_FINITE: 3}, write
        for path in found.folder.iterdir():
            path.unlink()
        found.folder.rmdir()


def test_scores_of_another_range(tmp_path: Path, imported: Any) -> None:
    rows = [row("a", f"q{score}", score) for score in (1, 4, 10, 11)]
    found = imported("table", as_csv(tmp_path / "rows", rows), told=("score_range=[1, 10]",))
    assert [*found.scores().values()] == pytest.approx([0, 1 / 3, 1])
    assert found.left_out() == {"score lies outside 1 to 10": 1}


def test_models_that_differ_only_in_case(tmp_path: Path, imported: Any) -> None:
    rows = [row("GPT-4", "q1", 1), row("gpt-4", "q2", 1)]
    source = as_jsonl(tmp_path / "rows", rows)
    with pytest.raises(TableError, match=r"rows.jsonl: line 2: model 'gpt-4' differs only in case"):
        imported("table", source)
    found = imported("table", source, told=("models={gpt-4: GPT-4}",))
    assert set(found.scores()) == {("GPT-4", "q1"), ("GPT-4", "q2")}


def test_answers_become_letters(tmp_path: Path, imported: Any) -> None:
    answers = {"B": "B", "two": "B", "three": None, None: None}
    rows = [row("a", f"q{n}", 1, answer=answer) for n, answer in enumerate(answers)]
    found = imported("table", as_jsonl(tmp_path / "rows", rows))
    assert [each["answer"] for each in found.questions().values()] == [*answers.values()]


DAMAGED = {
    "cut.parquet": (b"PAR1 and no more", "cut.parquet: cannot be read"),
    "text.parquet": (b"model_id,score\n", "text.parquet: cannot be read"),
    "cut.csv": (b"model_id,question_id,score,prompt\na,q,1,p\na,q2,1", "Row #3"),
    "empty.csv": (b"", "no column 'model_id'; found: none"),
    "binary.csv": (bytes(range(255, -1, -1)), "line 1: is not UTF-8"),
    "mixed.csv": (b"model_id,question_id,score,prompt\na,q,1,p\na,q,1,\xe9\n", "Row #3.*UTF8"),
    "mixed.jsonl": (b'{"model_id": "a\xe9"}\n', "line 1: is not UTF-8"),
    "cut.jsonl": (b'{"model_id": "a"', "line 1: is no JSON.*cut off"),
    "other.jsonl": (b'{"model_id": "a"}\n', "no column 'prompt'.*say which one it is"),
    "wrong.txt": (b"", "must end in one of .parquet, .csv"),
    "long.csv": (
        b"model_id,question_id,score,prompt\na,q,1," + b"x" * 9999,
        r"row 2 .* more than 1000 bytes",
    ),
    "long.jsonl": (b'{"model_id": "' + b"x" * 9999, "line 1: goes on for more than 1000 bytes"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_files_are_named_and_leave_nothing(
    name: str, tmp_path: Path, imported: Any
) -> None:
    content, message = DAMAGED[name]
    (tmp_path / name).write_bytes(content)
    good = as_parquet(tmp_path / "good", ROWS)
    with pytest.raises(TableError, match=message) as caught:
        imported("table", good, tmp_path / name, told=("longest=1000",))
    assert str(tmp_path / name) in str(caught.value)
    assert {path.name for path in tmp_path.iterdir()} == {"good.parquet", name}


def test_nothing_to_take_is_an_error(tmp_path: Path, imported: Any) -> None:
    source = as_jsonl(tmp_path / "rows", [row("a", "q1", 7)])
    with pytest.raises(TableError, match=r"no outcome could be taken; 1 x score lies outside"):
        imported("table", source)


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ("columns.model=llm", "no column 'model' of ours; there are: question_id"),
        ("metric=acc", "key 'metric' means nothing to this format; allowed: longest"),
        ("score_range=[1, 1]", "two finite numbers, the lower first"),
        ("columns.model_id=llm", "no column 'llm' .columns.model_id.; found: model_id"),
    ],
)
def test_wrong_settings(told: str, message: str, tmp_path: Path, imported: Any) -> None:
    with pytest.raises((SettingsError, TableError), match=message):
        imported("table", as_csv(tmp_path / "rows", ROWS), told=(told,))


def test_memory_does_not_hang_on_the_number_of_outcomes(tmp_path: Path, imported: Any) -> None:
    """60,000 rows: as Python objects they would take some 40 MB."""
    questions = [f"question {number}" for number in range(300)]
    with (tmp_path / "rows.jsonl").open("w") as stream:
        for model in range(200):
            for question in questions:
                cells = {"model_id": f"m{model}", "question_id": question, "prompt": question}
                stream.write(json.dumps({**cells, "score": 1}) + "\n")
    tracemalloc.start()
    found = imported("table", tmp_path / "rows.jsonl")
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found.tally.outcomes == 60_000
    assert most < 16 << 20


@pytest.mark.parametrize("write", WRITERS)
def test_memory_does_not_hang_on_long_outputs(write: Write, tmp_path: Path, imported: Any) -> None:
    """240 outputs of a megabyte each; CSV is read ahead by some blocks, each as long as a row."""
    rows = [row("a", f"q{number}", 1, output="x" * (1 << 20)) for number in range(240)]
    source = write(tmp_path / "rows", rows)
    del rows
    tracemalloc.start()
    found = imported("table", source, told=("longest=2000000",))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found.tally.outcomes == 240
    assert most < 80 << 20
