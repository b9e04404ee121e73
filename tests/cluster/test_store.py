"""The store: whole writes, clear errors, and filesystems that are not local."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.fs as pafs
import pytest

from cluster.errors import StoreError
from cluster.store import Store, model_source


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "store"))


def folder_with(path: Path, **files: str) -> Path:
    path.mkdir(parents=True)
    for name, text in files.items():
        (path / name).write_text(text)
    return path


def test_json_and_tables_come_back(store: Store) -> None:
    store.write_json("exams/t/card.json", {"a": 1, "ü": [2]})
    assert store.read_json("exams/t/card.json") == {"a": 1, "ü": [2]}
    table = pa.table({"x": [1, 2]})
    store.write_table("exams/t/x.parquet", table)
    assert store.read_table("exams/t/x.parquet") == table
    assert store.names("exams/t") == ["card.json", "x.parquet"]
    assert store.names("nowhere") == []


def test_errors_name_the_file(store: Store) -> None:
    with pytest.raises(StoreError, match=r"store/a\.json: no such file"):
        store.read_json("a.json")
    store.write_bytes("a.json", b"{")
    with pytest.raises(StoreError, match=r"a\.json: is no JSON"):
        store.read_json("a.json")
    with pytest.raises(StoreError, match=r"a\.json: is no Parquet"):
        store.read_table("a.json")
    with pytest.raises(StoreError, match="store 'nope://x'"):
        Store("nope://x")


def test_folders_count_once_they_are_whole(store: Store, tmp_path: Path) -> None:
    store.put_folder("models/m", folder_with(tmp_path / "m", weights="1"))
    assert (store.local_folder("models/m") / "weights").read_text() == "1"
    store.put_folder("models/m", folder_with(tmp_path / "m2", weights="2"))
    assert (store.local_folder("models/m") / "weights").read_text() == "2"
    with pytest.raises(StoreError, match="models/absent: no such folder; in models/: m"):
        store.local_folder("models/absent")
    (store.local_folder("models/m") / "complete.json").unlink()
    with pytest.raises(StoreError, match="no such folder"):
        store.local_folder("models/m")


def test_a_remote_filesystem_serves_local_copies(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "bucket"))
    # pyarrow's wrapper around a subtree is no LocalFileSystem: it stands for an object store.
    store.filesystem = pafs.SubTreeFileSystem(str(tmp_path / "bucket"), pafs.LocalFileSystem())
    store.root, store.url, store.is_local = "root", f"remote://{tmp_path}", False
    store.put_folder("models/m", folder_with(tmp_path / "m", weights="1"))
    assert store.has_folder("models/m")
    copy = store.local_folder("models/m")
    assert (copy / "weights").read_text() == "1"
    assert not copy.is_relative_to(tmp_path)
    assert store.local_folder("models/m") == copy


def test_model_sources(store: Store, tmp_path: Path) -> None:
    store.put_folder("models/m", folder_with(tmp_path / "m", weights="1"))
    assert model_source("store://models/m", store) == str(store.local_folder("models/m"))
    assert model_source("org/name", store) == "org/name"
    with pytest.raises(StoreError, match="'/not/there': no such folder"):
        model_source("/not/there", store)


WRITER = """
import sys
from cluster.store import Store
store = Store(sys.argv[1])
print("ready", flush=True)
while True:
    for size in (1, 40_000_000):
        store.write_bytes("file", b"x" * size)
"""


def test_a_killed_writer_leaves_a_whole_file(store: Store) -> None:
    for pause in (0.02, 0.05, 0.09):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, store.url], stdout=subprocess.PIPE, cwd=Path.cwd()
        )
        assert process.stdout is not None
        process.stdout.readline()
        while not store.exists("file"):
            time.sleep(0.005)
        time.sleep(pause)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        assert len(store.read_bytes("file")) in (1, 40_000_000)
        assert store.names("") == ["file"]
