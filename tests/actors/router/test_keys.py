"""API keys: making one, the file, and a file that changes under a running router."""

import hashlib
import logging
from pathlib import Path

import pytest

from actors.router.keys import Caller, KeyFile, new_key, read_keys
from cluster.errors import SettingsError

A, B = "a" * 64, "b" * 64


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines))
    return path


def test_a_new_key_opens_with_its_own_line(tmp_path: Path) -> None:
    alice, line = new_key("alice")
    bob, limited = new_key("bob", 60)
    keys = KeyFile(str(write(tmp_path / "keys", "# who may call", "", line, f"{limited} # slow")))
    assert keys.caller(alice.encode()) == Caller("alice")
    assert keys.caller(bob.encode()) == Caller("bob", 60)
    for stranger in (b"", alice.encode()[:-1], alice.upper().encode(), b"\xff"):
        assert keys.caller(stranger) is None


def test_keys_are_random_and_only_their_hash_is_kept() -> None:
    made = [new_key("alice") for _ in range(100)]
    assert len({key for key, _ in made}) == 100
    for key, line in made:
        assert len(key.removeprefix("model-sat-")) * 6 >= 256  # url-safe base64: 6 bits each
        assert line == f"alice {hashlib.sha256(key.encode()).hexdigest()}"


@pytest.mark.parametrize("name", ["", "two words", "a#b", "ä", "x" * 65, "a\n"])
def test_names_that_could_not_stand_in_the_file(name: str) -> None:
    with pytest.raises(SettingsError, match="a key's name"):
        new_key(name)


@pytest.mark.parametrize("rate", [0, -1, 10**9])
def test_limits_that_could_not_stand_in_the_file(rate: int) -> None:
    with pytest.raises(SettingsError, match="requests per minute"):
        new_key("alice", rate)


@pytest.mark.parametrize(
    ("line", "part"),
    [
        ("secret-key", "NAME SHA256"),
        (f"bob {B} 60 more", "NAME SHA256"),
        (f"secret/key {B}", "the name"),
        ("bob secret-key", "the second field must be a SHA-256"),
        (f"bob {B.upper()}", "the second field must be a SHA-256"),
        (f"bob {B} secret-key", "requests per minute"),
        (f"bob {B} 0", "requests per minute"),
        (f"bob {A}", "stands in a line above"),
        (f"alice {B}", "stands in a line above"),
    ],
)
def test_a_mistake_is_one_line_that_tells_no_secret(tmp_path: Path, line: str, part: str) -> None:
    path = write(tmp_path / "keys", f"alice {A}", "", line)
    with pytest.raises(SettingsError) as caught:
        read_keys(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: line 3: ")
    assert part in message
    assert "\n" not in message
    for secret in ("secret", A, B, B.upper()):
        assert secret not in message


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="keys: cannot be read: No such file"):
        KeyFile(str(tmp_path / "keys"))
    (tmp_path / "keys").write_bytes(b"\xff")
    with pytest.raises(SettingsError, match="keys: is no UTF-8 text"):
        KeyFile(str(tmp_path / "keys"))


def test_keys_are_added_and_revoked_while_it_runs(tmp_path: Path) -> None:
    (alice, first), (bob, second) = new_key("alice"), new_key("bob")
    path = write(tmp_path / "keys", first)
    keys = KeyFile(str(path))
    assert keys.caller(bob.encode()) is None
    write(path, first, second)
    assert keys.caller(alice.encode())
    assert keys.caller(bob.encode())
    replaced = write(tmp_path / "new", second)  # as Kubernetes does it
    replaced.rename(path)
    assert keys.caller(alice.encode()) is None
    assert keys.caller(bob.encode())
    write(path, "# nobody")
    assert keys.caller(bob.encode()) is None


def test_a_broken_file_keeps_the_keys_and_says_so_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    alice, line = new_key("alice")
    path = write(tmp_path / "keys", line)
    keys = KeyFile(str(path))
    with caplog.at_level(logging.ERROR, "ray.serve"):
        write(path, line, "bob")
        assert keys.caller(alice.encode())
        assert keys.caller(alice.encode())
        assert [record.levelname for record in caplog.records] == ["ERROR"]
        assert "line 2" in caplog.text
        path.unlink()
        assert keys.caller(alice.encode())
        assert keys.caller(alice.encode())
        assert len(caplog.records) == 2
    write(path, "# nobody")
    assert keys.caller(alice.encode()) is None
