"""Who is down, as handles that are numbers here know."""

from types import SimpleNamespace
from typing import Any

import pytest

from actors.router.service import Service

NOTHING: Any = None


@pytest.mark.parametrize(
    ("left", "kept_up", "down"),
    [(0, True, True), (1, True, False), (None, True, False), (0, False, False)],
)
def test_who_has_no_replica_left_is_down(left: int | None, kept_up: bool, down: bool) -> None:
    handles: Any = {"a": SimpleNamespace(left=left)}
    here = Service(
        zoo=NOTHING,
        rules=NOTHING,
        handles=handles,
        models={},
        aptitudes={},
        kept_up=frozenset("a" if kept_up else ""),
        missing=frozenset(),
    )
    assert here.is_down("a") is down
    assert not here.is_down("b")  # who has left
