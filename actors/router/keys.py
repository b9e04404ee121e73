"""API keys: the file that an operator keeps, and who a key belongs to.

A line of the file is ``NAME SHA256 [REQUESTS_PER_MINUTE]``; blank lines and what follows a ``#`` do
not count. Only hashes are kept: whoever reads the file can call nobody's key his own. Plain SHA-256
is right here, for a key holds 256 random bits, which nobody finds by trying; slow, salted hashes
are for passwords that people think of.
"""

import hashlib
import hmac
import logging
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cluster.errors import SettingsError

_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_RATE = re.compile(r"[1-9][0-9]{0,8}")
_PREFIX = "model-sat-"  # a key that is found somewhere tells which door it opens
_KEY_BYTES = 32

_log = logging.getLogger("ray.serve")  # the one that Serve writes to a replica's log


@dataclass(frozen=True)
class Caller:
    """Who a key belongs to.

    Attributes:
        name: what logs and metrics call him; the key itself never stands there.
        requests_per_minute: his own limit; None where the file gives none.
    """

    name: str
    requests_per_minute: int | None = None


def new_key(name: str, requests_per_minute: int | None = None) -> tuple[str, str]:
    """A new random key, and its line for the file.

    Raises:
        SettingsError: the name or the limit could not stand in the file.
    """
    if not _NAME.fullmatch(name):
        raise SettingsError(f"a key's name is 1 to 64 of A-Z a-z 0-9 . _ -; found '{name}'")
    if requests_per_minute is not None and not _RATE.fullmatch(str(requests_per_minute)):
        raise SettingsError(f"requests per minute must be 1 or more; found {requests_per_minute}")
    key = _PREFIX + secrets.token_urlsafe(_KEY_BYTES)
    fields = [name, _digest(key.encode()), requests_per_minute]
    return key, " ".join(str(field) for field in fields if field is not None)


def read_keys(path: str | Path) -> dict[str, Caller]:
    """Who each SHA-256 in the file belongs to.

    Raises:
        SettingsError: the file cannot be read, or a line breaks a rule. The line's number is told,
            never what it holds.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path}: is no UTF-8 text") from error
    callers: dict[str, Caller] = {}
    for number, fields in _lines(text):
        digest, caller = _entry(fields, f"{path}: line {number}")
        if digest in callers or caller.name in {known.name for known in callers.values()}:
            raise SettingsError(f"{path}: line {number}: its name or key stands in a line above")
        callers[digest] = caller
    return callers


def _lines(text: str) -> Iterator[tuple[int, list[str]]]:
    for number, line in enumerate(text.splitlines(), 1):
        if fields := line.partition("#")[0].split():
            yield number, fields


def _entry(fields: list[str], place: str) -> tuple[str, Caller]:
    if len(fields) not in (2, 3):
        raise SettingsError(f"{place}: must be NAME SHA256 [REQUESTS_PER_MINUTE]")
    name, digest, *rate = fields
    if not _NAME.fullmatch(name):
        raise SettingsError(f"{place}: the name must be 1 to 64 of A-Z a-z 0-9 . _ -")
    if not _SHA256.fullmatch(digest):
        raise SettingsError(f"{place}: the second field must be a SHA-256, 64 digits 0-9 a-f")
    if rate and not _RATE.fullmatch(rate[0]):
        raise SettingsError(f"{place}: requests per minute must be a whole number, 1 or more")
    return digest, Caller(name, int(rate[0]) if rate else None)


class KeyFile:
    """The keys of a file, which is read again when it changes."""

    def __init__(self, path: str) -> None:
        """Raises SettingsError as ``read_keys``."""
        self._path = path
        self._read = self._stamp()
        self._callers = read_keys(path)

    def caller(self, key: bytes) -> Caller | None:
        """Whose key it is; None where it is nobody's. Takes as long for either answer."""
        self._refresh()
        digest, found = _digest(key), None
        for known, caller in self._callers.items():
            if hmac.compare_digest(known, digest):
                found = caller
        return found

    def _refresh(self) -> None:
        # Taken before reading: a change in between is seen at the next request.
        stamp = self._stamp()
        if stamp == self._read:
            return
        self._read = stamp
        try:
            self._callers = read_keys(self._path)
        except SettingsError as error:
            _log.error("%s; the keys read before stay in force", error)

    def _stamp(self) -> tuple[int, int, int] | None:
        try:
            found = Path(self._path).stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_ino, found.st_size


def _digest(key: bytes) -> str:
    return hashlib.sha256(key).hexdigest()
