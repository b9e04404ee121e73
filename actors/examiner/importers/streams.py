"""Text files read piece by piece, within bounds: lines, JSON lines, and the items of a JSON array.

A line or item longer than ``longest`` bytes ends the import, whatever the size of the file, so
that memory stays bounded. Files are UTF-8. Every error names the file and the line.

Items are found with the decoder of the standard library: it takes ``NaN``, which evaluation tools
write and which streaming parsers such as ijson refuse.
"""

import codecs
import json
from collections.abc import Iterator
from typing import IO, Any, NoReturn

from actors.examiner.importers.documents import Document
from cluster.errors import TableError

_CHUNK = 1 << 20
_SPACE = " \t\r\n"
_DECODER = json.JSONDecoder()


def lines(document: Document, longest: int) -> Iterator[tuple[int, str]]:
    """The lines of a file that are not blank, with their numbers from 1.

    Raises:
        TableError: the file cannot be read, is not UTF-8, or a line is longer than ``longest``.
    """
    with document.opened() as stream:
        number = 0
        while line := stream.readline(longest + 1):
            number += 1
            if len(line) > longest and not line.endswith(b"\n"):
                _too_long(document, number, longest)
            text = _decoded(line, document, number)
            if text.strip():
                yield number, text.removeprefix("\ufeff") if number == 1 else text


def json_lines(document: Document, longest: int) -> Iterator[tuple[int, dict[str, Any]]]:
    """The objects of a JSONL file, with their line numbers.

    Raises:
        TableError: as ``lines``; or a line is no JSON object.
    """
    for number, line in lines(document, longest):
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            cut = "" if line.endswith("\n") else "; it is the last one: was the file cut off?"
            raise TableError(
                f"{document.name}: line {number}: is no JSON: {_brief(error)}{cut}"
            ) from error
        if not isinstance(value, dict):
            raise TableError(
                f"{document.name}: line {number}: must hold a JSON object; "
                f"found {type(value).__name__}"
            )
        yield number, value


def json_value(document: Document, longest: int) -> Any:
    """What a JSON file of at most ``longest`` bytes holds. Raises TableError as ``json_items``."""
    with document.opened() as stream:
        data = stream.read(longest + 1)
    if len(data) > longest:
        raise TableError(f"{document.name}: is longer than {longest} bytes (key 'longest')")
    try:
        return json.loads(_decoded(data, document, 1).removeprefix("\ufeff"))
    except (ValueError, RecursionError) as error:
        raise TableError(f"{document.name}: is no JSON: {_brief(error)}") from error


def json_items(
    document: Document, longest: int, key: str | None = None
) -> Iterator[tuple[int, dict[str, Any]]]:
    """The objects of a JSON array, one after the other, with the lines that they begin on.

    Args:
        document: holds the array.
        longest: bytes that an item may take.
        key: the array is the value of this key of an object; null: it is all that the file holds.

    Raises:
        TableError: the file cannot be read, is not UTF-8 or no JSON, holds something else than
            such an array, ends too early, or an item is longer than ``longest``.
    """
    with document.opened() as stream:
        text = _Text(stream, document, longest)
        if key is None:
            text.expect("[", "a JSON array")
        else:
            text.enter(key)
        while text.peek() != "]":
            line = text.line
            item = text.value()
            if not isinstance(item, dict):
                text.fail(f"must hold JSON objects; found {type(item).__name__}")
            yield line, item
            if text.peek() != "]":
                text.expect(",", "',' or ']'")


class _Text:
    """The text of a JSON file, of which no more is held than the value that is being read."""

    def __init__(self, stream: IO[bytes], document: Document, longest: int) -> None:
        self._stream, self._document, self._longest = stream, document, longest
        self._decode = codecs.getincrementaldecoder("utf-8-sig")()
        self._held, self._at, self._ended = "", 0, False
        self.line = 1

    def peek(self) -> str:
        """The next character that is no space; fails at the end of the file."""
        while True:
            while self._at < len(self._held) and self._held[self._at] in _SPACE:
                self._skip(1)
            if self._at < len(self._held):
                return self._held[self._at]
            if not self._more():
                self.fail("the file ends too early: was it cut off?")

    def expect(self, character: str, what: str) -> None:
        found = self.peek()
        if found != character:
            self.fail(f"{what} was expected; found '{found}'")
        self._skip(1)

    def enter(self, key: str) -> None:
        """Goes into the array that is the value of a key of the file's object."""
        self.expect("{", "a JSON object")
        found = []
        while self.peek() != "}":
            found.append(self.value())
            self.expect(":", "':'")
            if found[-1] == key:
                return self.expect("[", f"a JSON array as '{key}'")
            self.value()
            if self.peek() != "}":
                self.expect(",", "',' or '}'")
        self.fail(f"key '{key}' was expected; found: {', '.join(map(str, found)) or 'none'}")

    def value(self) -> Any:
        """The next value; the text is read on until the value is whole."""
        self.peek()
        wanted = _CHUNK
        while True:
            try:
                value, end = _DECODER.raw_decode(self._held, self._at)
            except RecursionError:
                self.fail("values lie too deep in each other")
            except ValueError as error:
                if self._ended:
                    self.fail(f"is no JSON, or was cut off: {_brief(error)}")
            else:
                # A number at the end of what is held may go on; all else is closed by itself.
                if end < len(self._held) or self._ended:
                    self._skip(end - self._at)
                    return value
            if len(self._held) - self._at > self._longest:
                _too_long(self._document, self.line, self._longest)
            self._more(wanted)
            wanted *= 2  # so that a long value is looked through a few times only

    def fail(self, rule: str) -> NoReturn:
        raise TableError(f"{self._document.name}: line {self.line}: {rule}")

    def _skip(self, count: int) -> None:
        self.line += self._held.count("\n", self._at, self._at + count)
        self._at += count

    def _more(self, size: int = _CHUNK) -> bool:
        """Reads on, forgetting what was skipped; false at the end of the file."""
        data = self._stream.read(size)
        self._ended = not data
        try:
            read = self._decode.decode(data, final=self._ended)
        except UnicodeDecodeError as error:
            before = self._held.count("\n", self._at) + error.object.count(b"\n", 0, error.start)
            raise TableError(
                f"{self._document.name}: line {self.line + before}: {_not_utf8(error)}"
            ) from error
        self._held, self._at = self._held[self._at :] + read, 0
        return not self._ended


def _decoded(data: bytes, document: Document, number: int) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        number += data.count(b"\n", 0, error.start)
        raise TableError(f"{document.name}: line {number}: {_not_utf8(error)}") from error


def _not_utf8(error: UnicodeDecodeError) -> str:
    return f"is not UTF-8 (byte 0x{error.object[error.start]:02x}); convert the file to UTF-8"


def _too_long(document: Document, number: int, longest: int) -> NoReturn:
    raise TableError(
        f"{document.name}: line {number}: goes on for more than {longest} bytes (key 'longest')"
    )


def _brief(error: Exception) -> str:
    return error.msg if isinstance(error, json.JSONDecodeError) else str(error)
