import gzip
import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from actors.examiner.importers.documents import documents
from cluster.errors import TableError


def contents(source: Path) -> dict[str, bytes]:
    """The bytes of all files of a source, by their place in it."""
    found = {}
    for document in documents([str(source)]):
        with document.opened() as stream:
            found[str(document.place)] = stream.read()
    return found


def tar(path: Path, names: list[str]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size = 3
            archive.addfile(member, io.BytesIO(b"abc"))
    return path


def test_folders_and_archives_give_their_files(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "b").mkdir(parents=True)
    (folder / "b" / "two.txt").write_bytes(b"abc")
    (folder / "a.txt").write_bytes(b"abc")
    (folder / ".hidden").write_bytes(b"abc")
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("b/two.txt", b"abc")
        archive.writestr("a.txt", b"abc")
        archive.writestr("__MACOSX/._a.txt", b"abc")
    tar(tmp_path / "x.tar.gz", ["b/two.txt", "a.txt"])
    expected = {"a.txt": b"abc", "b/two.txt": b"abc"}
    for source in ("folder", "x.zip", "x.tar.gz"):
        assert contents(tmp_path / source) == expected, source
        assert list(contents(tmp_path / source)) == ["a.txt", "b/two.txt"]


def test_gz_is_read_through(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl.gz"
    path.write_bytes(gzip.compress(b"abc"))
    (document,) = documents([str(path)])
    assert (document.stem, document.suffix) == ("rows", ".jsonl")
    assert document.is_named("*.jsonl")
    assert contents(path) == {"rows.jsonl.gz": b"abc"}


def test_it_tells_how_much_of_a_file_was_read(tmp_path: Path) -> None:
    plain, packed = tmp_path / "rows.jsonl", tmp_path / "more.jsonl.gz"
    plain.write_bytes(b"abc\n" * 5)
    packed.write_bytes(gzip.compress(b"abc\n" * 5))
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(plain, "rows.jsonl")
    sources = [str(plain), str(packed), str(tmp_path / "x.zip")]
    first, gzipped, member = documents(sources)
    assert [first.size, gzipped.size, member.size] == [20, packed.stat().st_size, 20]
    assert first.newly_read() == 0
    with first.opened() as stream:
        stream.readline()
        assert first.newly_read() == 4
        stream.read()
    assert (first.newly_read(), first.newly_read()) == (16, 0)
    with first.opened() as stream:  # a second time
        stream.read()
        assert first.newly_read() == 0
    for document in (gzipped, member):
        with document.opened() as stream:
            stream.read()
        assert document.newly_read() == document.size


@pytest.mark.parametrize("name", ["../up.txt", "a/../../up.txt", "/etc/up.txt", "C:\\up.txt"])
def test_an_archive_whose_paths_climb_out_is_refused(name: str, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("fine.txt", b"abc")
        archive.writestr(name, b"abc")
    for source in (tmp_path / "x.zip", tar(tmp_path / "x.tgz", ["fine.txt", name])):
        with pytest.raises(TableError, match="leads out of the archive") as caught:
            documents([str(source)])
        assert str(source) in str(caught.value)


def test_damaged_archives_are_named(tmp_path: Path) -> None:
    whole = tar(tmp_path / "whole.tar.gz", ["a.txt"]).read_bytes()
    (tmp_path / "cut.tar.gz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "cut.zip").write_bytes(b"PK\x03\x04 and no more")
    (tmp_path / "cut.txt.gz").write_bytes(gzip.compress(b"abc" * 1000)[:-9])
    for name in ("cut.tar.gz", "cut.zip", "cut.txt.gz"):
        with pytest.raises(TableError, match=name):
            contents(tmp_path / name)


def test_pickles_are_refused_with_a_way_out(tmp_path: Path) -> None:
    (tmp_path / "table.pkl").write_bytes(b"")
    with pytest.raises(TableError, match=r"is a pickle.*to_parquet"):
        documents([str(tmp_path / "table.pkl")])


def test_a_missing_source_is_named() -> None:
    with pytest.raises(TableError, match=r"absent\.csv: no such file"):
        documents(["absent.csv"])
