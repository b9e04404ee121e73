"""The shared storage folder: what lies where, and writes that are whole or not there at all.

A store is a local folder or any URL that ``pyarrow.fs`` knows (``s3://``, ``gs://``, ...):

    models/NAME/                   model folders prepared from packages
    exams/TEST/questions.parquet   an aptitude test, TEST being its hash
    exams/TEST/practice.parquet    questions asked along with it, for tuning only
    exams/TEST/cards/ID.json       capability card of a candidate
    exams/TEST/outcomes/ID.parquet outcomes of a candidate
    answers/ID/                    what a candidate was asked by collections, and answered
    collected/NAME/                questions and outcomes of a collection
    selectors/NAME/                a tuned selector: safetensors + JSON
    tuning/NAME/                   checkpoints of a tuning run
    router/                        who joined or left a serving router (``cluster.roster``)
    routed/NAME/                   answers, choices and scores of a routed data set
    journal/choices/DAY/           choices of the served router, by the day they were written
    journal/feedback/DAY/          feedback on their answers
    feedback/                      questions and outcomes made of the two

Local files are written beside their place and moved there; object stores show a file only once
it is whole. A folder (``put_folder``) counts as there once its last file, the marker, is. An object
store that fails is tried again for a while.
"""

import hashlib
import json
import os
import re
import shutil
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.fs as pafs
import pyarrow.parquet as pq

from cluster.errors import StoreError, UserError

Result = TypeVar("Result")

MARKER = "complete.json"
_SCHEME = "store://"
_FLAT = {"s3", "gcs"}  # pyarrow's names of filesystems where a folder is nothing but a prefix
# Beside the tries of pyarrow itself, which take some seconds each time.
_WAITS = (1.0, 4.0, 10.0)
# How an object store says that another try may do: not where it knows the asker or the bucket not.
_PASSING = re.compile(
    r"AWS Error (?!ACCESS_DENIED|NO_SUCH_BUCKET|INVALID_ACCESS_KEY_ID|SIGNATURE)|UNAVAILABLE"
)
# A user's secret in a URL; one with a slash in it is none to ``urlsplit``.
_SECRET = re.compile(r"://[^/@]*:.*@")
MODELS = f"{_SCHEME}models/"  # how a settings file names a model of the store


class Store:
    """Paths are relative to the store's root and use ``/``."""

    def __init__(self, root: str, waits: Sequence[float] = _WAITS) -> None:
        """Opens a store.

        Args:
            root: a folder, or a URL with what ``pyarrow.fs`` takes behind a ``?``.
            waits: seconds before an object store that failed is tried once more, and once more.

        Raises:
            StoreError: its filesystem is not known, or the URL holds a password.
        """
        local = "://" not in root
        place, _, options = root.partition("?")
        if _SECRET.search(root):
            raise StoreError(
                "store: its URL holds a secret, which logs would show; for S3, put keys into "
                "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            )
        self._options = f"?{options}" if options and not local else ""
        self._place = str(Path(root).expanduser().resolve()) if local else place.rstrip("/")
        self.url = f"{self._place}{self._options}"
        try:
            self.filesystem, self.root = pafs.FileSystem.from_uri(
                Path(self.url).as_uri() if local else self.url
            )
        except (pa.ArrowInvalid, OSError) as error:
            raise StoreError(f"store '{root}': {error}") from error
        self.is_local = isinstance(self.filesystem, pafs.LocalFileSystem)
        self._waits = () if self.is_local else tuple(waits)

    def path(self, path: str) -> str:
        """``path`` as the filesystem names it."""
        return f"{self.root}/{path}"

    def url_of(self, path: str) -> str:
        """``path`` as a URL or local path that Ray and pyarrow open themselves."""
        return f"{self._place}/{path}{self._options}"

    def exists(self, path: str) -> bool:
        """Whether a file or folder is there."""
        info = self._tried(path, lambda: self.filesystem.get_file_info(self.path(path)))
        return bool(info.type != pafs.FileType.NotFound)

    def names(self, path: str) -> list[str]:
        """The names in a folder, sorted; none where there is no folder."""
        selector = pafs.FileSelector(self.path(path), allow_not_found=True)
        infos = self._tried(path, lambda: self.filesystem.get_file_info(selector))
        names = (info.base_name for info in infos)
        return sorted(name for name in names if not name.startswith("."))

    def write_bytes(self, path: str, data: bytes | pa.Buffer) -> None:
        """Writes a file whole, replacing what was there.

        Raises:
            StoreError: it cannot be written; what was there is there still.
        """
        self._tried(path, lambda: self._write(path, data))

    def _write(self, path: str, data: bytes | pa.Buffer) -> None:
        place = self.path(path)
        parent, _, name = place.rpartition("/")
        if self.filesystem.type_name not in _FLAT:
            self.filesystem.create_dir(parent, recursive=True)
        aside = f"{parent}/.{name}.{uuid.uuid4().hex}" if self.is_local else place
        try:
            with self.filesystem.open_output_stream(aside, compression=None) as stream:
                stream.write(data)
            if self.is_local:
                Path(aside).replace(place)
        finally:
            if self.is_local:
                Path(aside).unlink(missing_ok=True)

    def written_at(self, path: str) -> datetime | None:
        """When a file was written; None if it is not there."""
        info = self._tried(path, lambda: self.filesystem.get_file_info(self.path(path)))
        written: datetime | None = info.mtime
        return written

    def delete(self, path: str) -> None:
        """Deletes a file. Raises StoreError if it is not there."""
        self._tried(path, lambda: self.filesystem.delete_file(self.path(path)))

    def read_bytes(self, path: str) -> bytes:
        """A file's bytes. Raises StoreError if it is not there."""

        def read() -> bytes:
            with self.filesystem.open_input_file(self.path(path)) as stream:
                return bytes(stream.read())

        return self._tried(path, read)

    def _tried(self, path: str, attempt: Callable[[], Result]) -> Result:
        """What ``attempt`` gives. An object store that is away may be back a little later.

        Raises:
            StoreError: the file is not there, or the store failed to the last.
        """
        for wait in [*self._waits, None]:
            try:
                return attempt()
            except FileNotFoundError as error:
                raise StoreError(f"{self.url_of(path)}: no such file") from error
            except OSError as error:
                if wait is None or not _PASSING.search(str(error)):
                    raise StoreError(f"{self.url_of(path)}: {_one_line(error)}") from error
                time.sleep(wait)
        raise AssertionError

    def write_json(self, path: str, value: Any) -> None:
        """Writes a value as JSON, whole."""
        self.write_bytes(path, json.dumps(value, indent=2, ensure_ascii=False).encode())

    def read_json(self, path: str) -> Any:
        """A JSON file's value. Raises StoreError if it is missing or no JSON."""
        try:
            return json.loads(self.read_bytes(path))
        except ValueError as error:
            if isinstance(error, StoreError):
                raise
            raise StoreError(f"{self.url_of(path)}: is no JSON: {error}") from error

    def write_table(self, path: str, *tables: pa.Table) -> None:
        """Writes a table as Parquet, whole; of several, each becomes a row group."""
        sink = pa.BufferOutputStream()
        with pq.ParquetWriter(sink, tables[0].schema) as writer:
            for table in tables:
                writer.write_table(table)
        self.write_bytes(path, sink.getvalue())

    def read_table(
        self, path: str, columns: list[str] | None = None, where: pc.Expression | None = None
    ) -> pa.Table:
        """A Parquet file's table, or some of it: row groups without such rows are not read.

        Raises:
            StoreError: it is missing or no Parquet.
        """

        def read() -> pa.Table:
            with self.filesystem.open_input_file(self.path(path)) as stream, _parquet_errors():
                return pq.read_table(stream, columns=columns, filters=where)

        try:
            return self._tried(path, read)
        except pa.ArrowInvalid as error:
            raise StoreError(f"{self.url_of(path)}: is no Parquet: {error}") from error

    def put_folder(self, path: str, folder: Path) -> None:
        """Copies a local folder in; ``has_folder`` is true once all of it is there.

        Raises:
            StoreError: it cannot be written.
        """
        self._tried(path, lambda: self._put(path, folder))

    def _put(self, path: str, folder: Path) -> None:
        # What names this copy: a machine that keeps an older one shall see that it is another.
        marker = json.dumps({"copy": uuid.uuid4().hex})
        if self.is_local:
            with whole_folder(Path(self.path(path))) as aside:
                shutil.copytree(folder, aside, dirs_exist_ok=True)
                (aside / MARKER).write_text(marker)
            return
        if self.has_folder(path):
            self.delete(f"{path}/{MARKER}")
        if self.exists(path):
            self.filesystem.delete_dir(self.path(path))
        if self.filesystem.type_name not in _FLAT:
            self.filesystem.create_dir(self.path(path), recursive=True)
        pafs.copy_files(str(folder), self.path(path), destination_filesystem=self.filesystem)
        self.write_bytes(f"{path}/{MARKER}", marker.encode())

    def has_folder(self, path: str) -> bool:
        """Whether a folder written by ``put_folder`` is there and whole."""
        return self.exists(f"{path}/{MARKER}")

    def copy_of(self, path: str) -> str:
        """What tells a folder from one that was put there before, or is put there later.

        Raises:
            StoreError: it is not there, or not whole.
        """
        copy: str = self.read_json(f"{path}/{MARKER}")["copy"]
        return copy

    def local_folder(self, path: str) -> Path:
        """A folder of the store as a local one: itself, or a copy kept for this machine.

        Raises:
            StoreError: the folder is not there or not whole; the message lists those that are.
        """
        if not self.has_folder(path):
            parent = path.rpartition("/")[0]
            there = ", ".join(self.names(parent)) or "none"
            raise StoreError(f"{self.url_of(path)}: no such folder; in {parent}/: {there}")
        if self.is_local:
            return Path(self.path(path))
        marker = self.read_bytes(f"{path}/{MARKER}")
        name = hashlib.sha256(self.url_of(path).encode() + marker).hexdigest()[:16]
        copy = Path(tempfile.gettempdir()) / f"model-sat-{os.getuid()}" / name
        if not (copy / MARKER).exists():
            self._tried(path, lambda: self._download(path, marker, copy))
        return copy

    def _download(self, path: str, marker: bytes, copy: Path) -> None:
        copy.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        aside = Path(tempfile.mkdtemp(dir=copy.parent))
        try:
            pafs.copy_files(self.path(path), str(aside), source_filesystem=self.filesystem)
            # Files of two copies must never stand side by side: whoever puts another one there
            # takes the marker away first.
            if not self.has_folder(path) or self.read_bytes(f"{path}/{MARKER}") != marker:
                raise StoreError(f"{self.url_of(path)}: was replaced while it was read; try again")
            with suppress(OSError):  # another process of this machine was quicker
                aside.replace(copy)
        finally:
            shutil.rmtree(aside, ignore_errors=True)


@contextmanager
def _parquet_errors() -> Iterator[None]:
    """Of what is wrong with a file, pyarrow raises some as OSError."""
    try:
        yield
    except OSError as error:
        if _PASSING.search(str(error)):
            raise
        raise pa.ArrowInvalid(_one_line(error)) from error


def _one_line(error: OSError) -> str:
    return " ".join((error.strerror or str(error)).split())


@contextmanager
def whole_folder(place: Path) -> Iterator[Path]:
    """A local folder to write into, which takes ``place`` if all goes well; if not, it is gone."""
    place.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f".{place.name}.", dir=place.parent))
    try:
        yield aside
        aside.chmod(0o755)  # that of a temporary folder is its owner's alone
        older = aside.with_name(f"{aside.name}.older")
        if place.exists():
            place.replace(older)
        aside.replace(place)
        shutil.rmtree(older, ignore_errors=True)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def local_path(name: str) -> Path:
    """Where an output of this machine goes, absolute. Raises UserError for a URL."""
    if "://" in name:
        raise UserError(f"'{name}': must be a path of this machine; found a URL")
    return Path(name).absolute()


def model_source(source: str, store: Store) -> str:
    """A model's source as ``from_pretrained`` takes it: a folder, or a hub id as it is.

    ``store://models/NAME`` is a folder of the store. A path is absolute: engines run in other
    folders.

    Raises:
        StoreError: the store has no such folder, or a path was given and nothing is there.
    """
    if source.startswith(_SCHEME):
        return str(store.local_folder(source.removeprefix(_SCHEME)))
    if not source.startswith(("/", "./", "../", "~")):
        return source
    folder = Path(source).expanduser().absolute()
    if not folder.is_dir():
        raise StoreError(f"model folder '{source}': no such folder")
    return str(folder)
