"""Instructions in parts: every row once, ids, and what is wrong with which row of which file."""

import json
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from actors.router.instructions import checked, parts
from cluster.errors import TableError


def write_jsonl(file: Path, *rows: dict[str, object]) -> str:
    file.write_text("\n".join(map(json.dumps, rows)))
    return str(file)


def test_a_folder_is_cut_into_parts_across_its_files(tmp_path: Path) -> None:
    pq.write_table(pa.table({"prompt": [f"p{n}" for n in range(25)]}), tmp_path / "a.parquet")
    write_jsonl(tmp_path / "b.jsonl", *({"prompt": f"p{n}", "more": 1} for n in range(25, 38)))
    (tmp_path / "README.md").write_text("not instructions")
    cut = list(parts(str(tmp_path), 10))
    assert [part.num_rows for part in cut] == [10, 10, 10, 8]
    whole = pa.concat_tables(cut)
    assert whole["prompt"].to_pylist() == [f"p{n}" for n in range(38)]
    assert whole["instruction_id"].to_pylist() == [str(n) for n in range(38)]
    assert checked(str(tmp_path), 10) == 38


def test_a_file_is_never_held_whole(tmp_path: Path) -> None:
    rows, width = 100_000, 500
    pq.write_table(
        pa.table({"prompt": [f"{n:>{width}}" for n in range(rows)]}), tmp_path / "x.parquet"
    )
    before, peak = pa.total_allocated_bytes(), 0
    for _ in parts(str(tmp_path / "x.parquet"), 1_000):
        peak = max(peak, pa.total_allocated_bytes() - before)
    assert 1_000 * width < peak < rows * width / 5


def test_an_id_stands_once_in_all_parts(tmp_path: Path) -> None:
    ids = [f"i{n}" for n in range(9)] + ["i3", "i5"]
    rows: list[dict[str, object]] = [{"instruction_id": id, "prompt": "?"} for id in ids]
    source = write_jsonl(tmp_path / "x.jsonl", *rows)
    with pytest.raises(TableError, match=r"2 stand in several, first: \[\('i3',\), \('i5',\)\]"):
        checked(source, 4)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"prompt": "x"}] * 5 + [{"more": 1}], "either 'prompt' or 'messages'; rows [5] have"),
        ([{"prompt": "x"}, {"prompt": 5}], "cannot be read: JSON parse error"),
        (
            [{"prompt": "x", "instruction_id": "a"}, {"prompt": "x"}],
            "column 'instruction_id' may hold no null; found in rows [1]",
        ),
        ([], "Empty JSON"),
    ],
)
def test_errors_name_file_and_row(
    tmp_path: Path, rows: list[dict[str, object]], message: str
) -> None:
    source = write_jsonl(tmp_path / "x.jsonl", *rows)
    with pytest.raises(TableError, match=rf"x\.jsonl: .*{re.escape(message)}"):
        checked(source, 2)


def test_ids_that_begin_late_are_refused(tmp_path: Path) -> None:
    many: list[dict[str, object]] = [{"prompt": "x" * 1000} for _ in range(9_000)]
    late: dict[str, object] = {"prompt": "x", "instruction_id": "a"}
    source = write_jsonl(tmp_path / "x.jsonl", *many, late)
    with pytest.raises(TableError, match="first rows have no 'instruction_id'"):
        checked(source, 1_000)


def test_ids_that_look_like_times_stay_as_they_are(tmp_path: Path) -> None:
    source = write_jsonl(tmp_path / "x.jsonl", {"instruction_id": "2024-01-01", "prompt": "p"})
    (part,) = parts(source, 10)
    assert part["instruction_id"].to_pylist() == ["2024-01-01"]


def test_what_is_no_source(tmp_path: Path) -> None:
    for source, message in (
        (str(tmp_path / "none.jsonl"), "no such file"),
        (str(tmp_path), "the folder has no file that ends in"),
        ("s4://bucket/x", "cannot be read"),
    ):
        with pytest.raises(TableError, match=message):
            checked(source, 10)
    (tmp_path / "x.txt").write_text("x")
    with pytest.raises(TableError, match=r"x\.txt: must end in one of \.parquet, \.jsonl"):
        checked(str(tmp_path / "x.txt"), 10)
