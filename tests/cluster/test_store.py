"""The store: whole writes, clear errors, and filesystems that are not local."""

import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.fs as pafs
import pytest

from cluster.errors import StoreError, UserError
from cluster.store import Store, local_path, model_source


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "store"))


def folder_with(path: Path, **files: str) -> Path:
    path.mkdir(parents=True)
    for name, text in files.items():
        (path / name).write_text(text)
    return path


def test_json_and_tables_come_back(any_store: Store) -> None:
    store = any_store
    store.write_json("exams/t/card.json", {"a": 1, "ü": [2]})
    assert store.read_json("exams/t/card.json") == {"a": 1, "ü": [2]}
    table = pa.table({"x": [1, 2]})
    store.write_table("exams/t/x.parquet", table)
    assert store.read_table("exams/t/x.parquet") == table
    assert store.names("exams/t") == ["card.json", "x.parquet"]
    assert store.names("nowhere") == []


def test_errors_name_the_file(any_store: Store) -> None:
    store = any_store
    for ask in (store.read_json, store.read_table, store.delete):
        with pytest.raises(StoreError, match=r"store/a\.json.*: no such file"):
            ask("a.json")
    store.write_bytes("a.json", b"{")
    with pytest.raises(StoreError, match=r"a\.json.*: is no JSON"):
        store.read_json("a.json")
    with pytest.raises(StoreError, match=r"a\.json.*: is no Parquet"):
        store.read_table("a.json")
    with pytest.raises(StoreError, match="store 'nope://x'"):
        Store("nope://x")
    # Keys may hold a slash, where a URL's place would end.
    for url in ("s3://key:sesame@bucket/store", "s3://key:sesame/open@bucket/store"):
        with pytest.raises(StoreError, match=r"holds a secret.*AWS_SECRET_ACCESS_KEY") as told:
            Store(url)
        assert not any(part in str(told.value) for part in ("key:", "sesame", "bucket"))


def test_folders_count_once_they_are_whole(any_store: Store, tmp_path: Path) -> None:
    store = any_store
    store.put_folder("models/m", folder_with(tmp_path / "m", weights="1"))
    assert (store.local_folder("models/m") / "weights").read_text() == "1"
    store.put_folder("models/m", folder_with(tmp_path / "m2", weights="2"))
    assert (store.local_folder("models/m") / "weights").read_text() == "2"
    with pytest.raises(StoreError, match=r"models/absent.*: no such folder; in models/: m"):
        store.local_folder("models/absent")
    store.delete("models/m/complete.json")
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


def test_model_sources(any_store: Store, tmp_path: Path) -> None:
    store = any_store
    store.put_folder("models/m", folder_with(tmp_path / "m", weights="1"))
    assert model_source("store://models/m", store) == str(store.local_folder("models/m"))
    assert model_source("org/name", store) == "org/name"
    with pytest.raises(StoreError, match="'/not/there': no such folder"):
        model_source("/not/there", store)


def test_outputs_of_this_machine_have_no_url(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    assert local_path("a/b.json") == tmp_path / "a" / "b.json"
    with pytest.raises(UserError, match=r"'s3://b/x.csv': must be a path of this machine"):
        local_path("s3://b/x.csv")


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
        try:
            process.stdout.readline()
            while not store.exists("file"):
                assert process.poll() is None
                time.sleep(0.005)
            time.sleep(pause)
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
            process.stdout.close()
        assert len(store.read_bytes("file")) in (1, 40_000_000)
        assert store.names("") == ["file"]


def test_rows_are_read_of_the_row_groups_that_have_them(any_store: Store) -> None:
    tables = [pa.table({"id": [id] * 3, "x": [1, 2, 3]}) for id in "ab"]
    any_store.write_table("t.parquet", *tables)
    assert any_store.read_table("t.parquet") == pa.concat_tables(tables)
    found = any_store.read_table("t.parquet", ["x"], pc.field("id") == "b")
    assert found == tables[1].select(["x"])


def test_a_truncated_table_is_named(any_store: Store) -> None:
    any_store.write_table("t.parquet", pa.table({"x": list(range(10_000))}))
    whole = any_store.read_bytes("t.parquet")
    for part in (whole[:-100], whole[: len(whole) // 2], whole[:4], whole[2000:], b""):
        any_store.write_bytes("t.parquet", part)
        with pytest.raises(StoreError, match=r"t\.parquet[^\n]*: is no Parquet") as told:
            any_store.read_table("t.parquet")
        assert "\n" not in str(told.value)


def test_a_folder_put_again_is_downloaded_again(s3_server: Any, tmp_path: Path) -> None:
    url = s3_server.new_bucket()
    for weights in ("1", "2"):
        folder = folder_with(tmp_path / weights, weights=weights)
        Store(url).put_folder("models/m", folder)
        assert (Store(url).local_folder("models/m") / "weights").read_text() == weights


def test_a_folder_replaced_while_it_is_read_is_not_mixed(
    s3_server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(s3_server.new_bucket())
    store.put_folder("models/m", folder_with(tmp_path / "1", weights="1"))
    copy_files = pafs.copy_files

    def slow_copy(*places: str, **filesystems: Any) -> None:
        monkeypatch.undo()
        copy_files(*places, **filesystems)
        store.put_folder("models/m", folder_with(tmp_path / "2", weights="2"))

    monkeypatch.setattr(pafs, "copy_files", slow_copy)
    with pytest.raises(StoreError, match=r"models/m.*: was replaced while it was read; try again"):
        store.local_folder("models/m")
    assert (store.local_folder("models/m") / "weights").read_text() == "2"


FULL = """
import resource, sys
from pathlib import Path
from cluster.errors import StoreError
from cluster.store import Store
store = Store(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
for write in (
    lambda: store.write_bytes("file", b"new" * (1 << 20)),
    lambda: store.put_folder("models/m", Path(sys.argv[2])),
):
    try:
        write()
    except StoreError as error:
        print(error)
"""


def test_a_full_disk_is_told_and_overwrites_nothing(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "store"))
    store.write_bytes("file", b"old")
    store.put_folder("models/m", folder_with(tmp_path / "m", weights="old"))
    large = folder_with(tmp_path / "large", weights="new" * (1 << 20))
    told = subprocess.run(
        [sys.executable, "-c", FULL, store.url, str(large)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path.cwd(),
        check=True,
    ).stdout.splitlines()
    assert len(told) == 2
    assert re.search(r"store/file: .*File too large", told[0])
    assert re.search(r"store/models/m: .*File too large", told[1])
    assert store.read_bytes("file") == b"old"
    assert (store.local_folder("models/m") / "weights").read_text() == "old"
    left = [file.name for file in Path(store.url).rglob("*") if file.name.startswith(".")]
    assert not left


def test_a_store_that_is_away_is_waited_for(mortal_s3_server: Any) -> None:
    server = mortal_s3_server
    url = server.new_bucket()
    server.stop()
    with pytest.raises(StoreError, match=r"bucket-.*/store/a\.json.*: .*NETWORK_CONNECTION"):
        Store(url, waits=()).read_json("a.json")
    back = threading.Thread(target=server.start)
    back.start()
    assert Store(url, waits=[5.0] * 4).names("exams") == []
    back.join()
