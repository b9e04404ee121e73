import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from actors.examiner.importers.documents import Document, documents
from actors.examiner.importers.streams import json_items, json_lines, json_value, lines
from cluster.errors import TableError

LONGEST = 1 << 16


@pytest.fixture
def written(tmp_path: Path) -> Callable[[bytes], Document]:
    def write(data: bytes) -> Document:
        path = tmp_path / "file.json"
        path.write_bytes(data)
        return documents([str(path)])[0]

    return write


Written = Callable[[bytes], Document]


def test_lines_are_numbered_and_blank_ones_skipped(written: Written) -> None:
    document = written("\ufeffone\n\ntwo\r\nthree".encode())
    found = [(number, line.strip()) for number, line in lines(document, LONGEST)]
    assert found == [(1, "one"), (3, "two"), (4, "three")]


@pytest.mark.parametrize("key", [None, "rows"])
@pytest.mark.parametrize("indent", [None, 2])
def test_items_come_with_the_line_they_begin_on(
    key: str | None, indent: int | None, written: Written
) -> None:
    items = [{"n": number, "text": 'a "quoted" ] } \\ é\n' * number} for number in range(500)]
    whole: Any = items if key is None else {"other": {"rows": [1]}, key: items, "more": 1}
    text = json.dumps(whole, indent=indent, ensure_ascii=False)
    found = list(json_items(written(text.encode()), LONGEST, key))
    assert [item for _, item in found] == items
    at = [number for number, line in enumerate(text.split("\n"), 1) if '"n"' in line]
    assert [line for line, _ in found] == ([1] * 500 if indent is None else [n - 1 for n in at])


def test_nan_is_read(written: Written) -> None:
    ((_, row),) = json_items(written(b'[{"score": NaN}]'), LONGEST)
    assert row["score"] != row["score"]
    ((_, row),) = json_lines(written(b'{"score": NaN}'), LONGEST)
    assert row["score"] != row["score"]


BAD_LINES = {
    b'{"a": 1}\n{"a": ': "line 2: is no JSON.*was the file cut off",
    b'{"a": 1}\n{"a": 1\n{"a": 2}\n': "line 2: is no JSON",
    b'{"a": 1}\n[1]\n': "line 2: must hold a JSON object; found list",
    b'{"a": "\xc3\xa9"}\n{"a": "\xe9"}\n': "line 2: is not UTF-8 .byte 0xe9.; convert",
    '{"a": 1}'.encode("utf-16"): "line 1: is not UTF-8",
    b"[" * 100_000: "line 1: .*longer|more than|no JSON",
}


@pytest.mark.parametrize("data", BAD_LINES, ids=range(len(BAD_LINES)))
def test_damaged_lines_are_told_with_file_and_line(data: bytes, written: Written) -> None:
    with pytest.raises(TableError, match=BAD_LINES[data]) as caught:
        list(json_lines(written(data), 1 << 20))
    assert "file.json: line" in str(caught.value)


BAD_ITEMS = {
    b'[\n{"a": 1},\n{"a": ': "line 3: is no JSON, or was cut off",
    b'[\n{"a": 1},\n{"a": 2}\n': "line 4: the file ends too early",
    b'[\n{"a": 1}\n{"a": 2}]': "line 3: ',' or '\\]' was expected; found '{'",
    b"[1]": "line 1: must hold JSON objects; found int",
    b'{"a": 1}': "line 1: a JSON array was expected",
    b'[\n{"a": "\xe9"}]': "line 2: is not UTF-8",
    b"": "ends too early",
    b"[" * 100_000: "too deep",
}


@pytest.mark.parametrize("data", BAD_ITEMS, ids=range(len(BAD_ITEMS)))
def test_damaged_arrays_are_told_with_file_and_line(data: bytes, written: Written) -> None:
    with pytest.raises(TableError, match=BAD_ITEMS[data]):
        list(json_items(written(data), LONGEST))


def test_a_missing_key_is_told_with_those_there(written: Written) -> None:
    with pytest.raises(TableError, match="key 'rows' was expected; found: a, b"):
        list(json_items(written(b'{"a": 1, "b": [2]}'), LONGEST, "rows"))


def test_no_more_is_held_than_is_allowed(written: Written) -> None:
    """A line, and an item, of 64 MB."""
    document = written(b'[{"a": "' + b"x" * (64 << 20) + b'"}]')
    for read in (json_lines, json_items):
        tracemalloc.start()
        with pytest.raises(TableError, match="line 1: goes on for more than 65536 bytes"):
            list(read(document, LONGEST))
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert most < 8 << 20
    with pytest.raises(TableError, match="longer than 65536 bytes"):
        json_value(document, LONGEST)


def test_memory_does_not_hang_on_the_number_of_items(written: Written) -> None:
    row = json.dumps({"text": "x" * 1000})
    document = written(b"[" + b",".join([row.encode()] * 30_000) + b"]")
    tracemalloc.start()
    assert sum(1 for _ in json_items(document, LONGEST)) == 30_000
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 16 << 20
