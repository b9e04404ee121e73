"""The files that an import reads: on disk, in folders, in zip and tar archives.

Owns how files are found, named in errors and opened. Archives are read where they lie: nothing is
ever unpacked, and one that names a path outside itself is refused. What is in a file is the
business of ``streams`` and of the formats. Sources are local.
"""

import gzip
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO

import pyarrow as pa

from cluster.errors import TableError

# Loading one runs whatever code it holds.
_PICKLES = (".pkl", ".pickle", ".joblib", ".pt", ".pth")
_TARS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
_DAMAGE = (
    OSError,
    EOFError,
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    pa.ArrowException,
)


@dataclass(eq=False)
class Document:
    """A file of a source."""

    name: str  # as errors name it; a member of an archive: ARCHIVE!MEMBER
    place: PurePosixPath  # within its source
    size: int  # in bytes; of a .gz before, of a member of an archive after decompression
    _opened: Callable[[], AbstractContextManager[IO[bytes]]]
    _at: Callable[[], int] = int  # how many bytes of ``size`` were read
    _told: int = 0

    @property
    def stem(self) -> str:
        """The file's name without any ending."""
        return self.place.name.removesuffix(".gz").rpartition(".")[0] or self.place.name

    @property
    def suffix(self) -> str:
        """The ending, in small letters; that of the content where the file is compressed."""
        return PurePosixPath(self.place.name.removesuffix(".gz")).suffix.lower()

    @property
    def folder(self) -> PurePosixPath:
        """The folder it lies in, in an archive too; tells which files belong together."""
        return PurePosixPath(self.name.replace("!", "/")).parent

    def newly_read(self) -> int:
        """Bytes of ``size`` that were read since this was asked last; never the same ones twice."""
        before, self._told = self._told, max(self._told, self._at())
        return self._told - before

    def is_named(self, *patterns: str) -> bool:
        """Whether the file's name, without ``.gz``, is of one of the patterns (``*.json``)."""
        name = self.place.name.removesuffix(".gz")
        return any(fnmatchcase(name, pattern) for pattern in patterns)

    @contextmanager
    def opened(self) -> Iterator[IO[bytes]]:
        """The file's bytes, decompressed.

        Raises:
            TableError: the file is missing or damaged, as far as that shows while it is open.
        """
        try:
            with self._opened() as stream:
                self._at = stream.tell
                try:
                    if not self.place.name.endswith(".gz"):
                        yield stream
                    else:
                        with gzip.GzipFile(fileobj=stream) as inner:
                            yield inner  # type: ignore[misc]  # an IO[bytes] in all but name
                finally:
                    self._at = partial(int, stream.tell())
        except _DAMAGE as error:
            found = " ".join(str(error).split()) or type(error).__name__
            raise TableError(f"{self.name}: cannot be read: {found}") from error


def documents(sources: Sequence[str]) -> list[Document]:
    """All files of some sources (files, folders, archives), each source's sorted by name.

    Raises:
        TableError: a source is missing, is a pickle, is no archive though named so, or is an
            archive with a path that leads out of it.
    """
    return [document for source in sources for document in _of_source(Path(source))]


def named(found: Sequence[Document], *patterns: str) -> list[Document]:
    """The files whose names are of one of the patterns. Raises TableError if there are none."""
    chosen = [document for document in found if document.is_named(*patterns)]
    if not chosen and found and found[0].suffix in _PICKLES:
        raise TableError(_is_pickle(found[0].name))
    if not chosen:
        raise TableError(
            f"no file is named {' or '.join(patterns)}; "
            f"found {len(found)} files: {', '.join(each.name for each in found[:3]) or 'none'}"
        )
    return chosen


def _of_source(source: Path) -> Iterator[Document]:
    if source.is_dir():
        for path in sorted(path for path in source.rglob("*") if path.is_file()):
            inside = PurePosixPath(path.relative_to(source))
            if not any(part.startswith(".") for part in inside.parts):
                yield from _of_file(path, inside)
    elif not source.is_file():
        raise TableError(f"{source}: no such file or folder")
    elif source.suffix.lower() in _PICKLES:
        raise TableError(_is_pickle(str(source)))
    else:
        yield from _of_file(source, PurePosixPath(source.name))


def _of_file(path: Path, inside: PurePosixPath) -> Iterator[Document]:
    if path.suffix.lower() == ".zip":
        yield from _of_zip(path)
    elif path.name.lower().endswith(_TARS):
        yield from _of_tar(path)
    else:
        yield Document(str(path), inside, path.stat().st_size, partial(_file, path))


def _is_pickle(name: str) -> str:
    return (
        f"{name}: is a pickle, and loading one runs whatever code it holds; convert it where you "
        "trust it: python -c \"import pandas; pandas.read_pickle('FILE')"
        ".to_parquet('FILE.parquet')\""
    )


def _of_zip(source: Path) -> Iterator[Document]:
    try:
        with zipfile.ZipFile(source) as archive:
            sizes = {
                member.filename: member.file_size
                for member in archive.infolist()
                if not member.is_dir()
            }
    except zipfile.BadZipFile as error:
        raise TableError(f"{source}: is no whole zip archive: {error}") from error
    yield from _members(source, sizes, _zip_member)


def _of_tar(source: Path) -> Iterator[Document]:
    try:
        with tarfile.open(source) as archive:
            sizes = {member.name: member.size for member in archive if member.isfile()}
    except (tarfile.TarError, EOFError, OSError, zlib.error, lzma.LZMAError) as error:
        raise TableError(f"{source}: is no whole tar archive: {error}") from error
    yield from _members(source, sizes, _tar_member)


def _members(
    source: Path,
    sizes: Mapping[str, int],
    opened: Callable[[Path, str], AbstractContextManager[IO[bytes]]],
) -> Iterator[Document]:
    for name in sizes:
        place = PurePosixPath(name.replace("\\", "/"))
        if place.is_absolute() or PureWindowsPath(name).drive or ".." in place.parts:
            raise TableError(
                f"{source}: holds '{name}', a path that leads out of the archive; "
                "nothing of it was read"
            )
    for name, size in sorted(sizes.items()):
        place = PurePosixPath(name)
        if not any(part.startswith((".", "__MACOSX")) for part in place.parts):
            yield Document(f"{source}!{name}", place, size, partial(opened, source, name))


@contextmanager
def _file(path: Path) -> Iterator[IO[bytes]]:
    with path.open("rb") as stream:
        yield stream


@contextmanager
def _zip_member(source: Path, name: str) -> Iterator[IO[bytes]]:
    with zipfile.ZipFile(source) as archive:
        try:
            stream = archive.open(name)
        except RuntimeError as error:  # encrypted, or compressed in a way it does not know
            raise TableError(f"{source}!{name}: cannot be read: {error}") from error
        with stream:
            yield stream


@contextmanager
def _tar_member(source: Path, name: str) -> Iterator[IO[bytes]]:
    with tarfile.open(source) as archive, archive.extractfile(name) as stream:  # type: ignore[union-attr]
        yield stream
