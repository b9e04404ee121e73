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
it is whole. A folder (``put_folder``) counts as there once its last file, the marker, is.
"""

import hashlib
import json
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.fs as pafs
import pyarrow.parquet as pq

from cluster.errors import StoreError

MARKER = "complete.json"
_SCHEME = "store://"
MODELS = f"{_SCHEME}models/"  # how a settings file names a model of the store


class Store:
    """Paths are relative to the store's root and use ``/``."""

    def __init__(self, root: str) -> None:
        """``root`` is a folder or URL. Raises StoreError if its filesystem is not known."""
        local = "://" not in root
        self.url = str(Path(root).expanduser().resolve()) if local else root.rstrip("/")
        try:
            self.filesystem, self.root = pafs.FileSystem.from_uri(
                Path(self.url).as_uri() if local else self.url
            )
        except (pa.ArrowInvalid, OSError) as error:
            raise StoreError(f"store '{root}': {error}") from error
        self.is_local = isinstance(self.filesystem, pafs.LocalFileSystem)

    def path(self, path: str) -> str:
        """``path`` as the filesystem names it."""
        return f"{self.root}/{path}"

    def url_of(self, path: str) -> str:
        """``path`` as a URL or local path that Ray and pyarrow open themselves."""
        return f"{self.url}/{path}"

    def exists(self, path: str) -> bool:
        """Whether a file or folder is there."""
        info = self.filesystem.get_file_info(self.path(path))
        return bool(info.type != pafs.FileType.NotFound)

    def names(self, path: str) -> list[str]:
        """The names in a folder, sorted; none where there is no folder."""
        selector = pafs.FileSelector(self.path(path), allow_not_found=True)
        names = (info.base_name for info in self.filesystem.get_file_info(selector))
        return sorted(name for name in names if not name.startswith("."))

    def write_bytes(self, path: str, data: bytes) -> None:
        """Writes a file whole, replacing what was there."""
        place = self.path(path)
        parent, _, name = place.rpartition("/")
        self.filesystem.create_dir(parent, recursive=True)
        aside = f"{parent}/.{name}.{uuid.uuid4().hex}" if self.is_local else place
        with self.filesystem.open_output_stream(aside, compression=None) as stream:
            stream.write(data)
        if self.is_local:
            Path(aside).replace(place)

    def delete(self, path: str) -> None:
        """Deletes a file. Raises StoreError if it is not there."""
        try:
            self.filesystem.delete_file(self.path(path))
        except FileNotFoundError as error:
            raise StoreError(f"{self.url_of(path)}: no such file") from error

    def read_bytes(self, path: str) -> bytes:
        """A file's bytes. Raises StoreError if it is not there."""
        try:
            with self.filesystem.open_input_file(self.path(path)) as stream:
                return bytes(stream.read())
        except FileNotFoundError as error:
            raise StoreError(f"{self.url_of(path)}: no such file") from error

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

    def write_table(self, path: str, table: pa.Table) -> None:
        """Writes a table as Parquet, whole."""
        sink = pa.BufferOutputStream()
        pq.write_table(table, sink)
        self.write_bytes(path, sink.getvalue().to_pybytes())

    def read_table(self, path: str) -> pa.Table:
        """A Parquet file's table. Raises StoreError if it is missing or no Parquet."""
        try:
            return pq.read_table(pa.BufferReader(self.read_bytes(path)))
        except pa.ArrowInvalid as error:
            raise StoreError(f"{self.url_of(path)}: is no Parquet: {error}") from error

    def put_folder(self, path: str, folder: Path) -> None:
        """Copies a local folder in; ``has_folder`` is true once all of it is there."""
        if self.is_local:
            aside = Path(self.path(path)).parent / f".{uuid.uuid4().hex}"
            shutil.copytree(folder, aside)
            (aside / MARKER).write_text("{}")
            if self.exists(path):
                shutil.rmtree(self.path(path))
            aside.replace(self.path(path))
            return
        if self.exists(path):
            self.filesystem.delete_dir(self.path(path))
        self.filesystem.create_dir(self.path(path), recursive=True)
        pafs.copy_files(str(folder), self.path(path), destination_filesystem=self.filesystem)
        self.write_json(f"{path}/{MARKER}", {})

    def has_folder(self, path: str) -> bool:
        """Whether a folder written by ``put_folder`` is there and whole."""
        return self.exists(f"{path}/{MARKER}")

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
        name = hashlib.sha256(self.url_of(path).encode()).hexdigest()[:16]
        copy = Path(tempfile.gettempdir()) / f"model-sat-{os.getuid()}" / name
        if not (copy / MARKER).exists():
            _download(self.filesystem, self.path(path), copy)
        return copy


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


def _download(filesystem: pafs.FileSystem, source: str, copy: Path) -> None:
    copy.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    aside = Path(tempfile.mkdtemp(dir=copy.parent))
    pafs.copy_files(source, str(aside), source_filesystem=filesystem)
    try:
        aside.replace(copy)
    except OSError:  # another process of this machine was quicker
        shutil.rmtree(aside)


def model_source(source: str, store: Store) -> str:
    """A model's source as ``from_pretrained`` takes it: a folder, or a hub id as it is.

    ``store://models/NAME`` is a folder of the store.

    Raises:
        StoreError: the store has no such folder, or a path was given and nothing is there.
    """
    if source.startswith(_SCHEME):
        return str(store.local_folder(source.removeprefix(_SCHEME)))
    if source.startswith(("/", "./", "../", "~")) and not Path(source).expanduser().is_dir():
        raise StoreError(f"model folder '{source}': no such folder")
    return str(Path(source).expanduser()) if source.startswith("~") else source
