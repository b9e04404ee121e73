"""Who is down, by what handles like Serve's know."""

from collections.abc import Callable
from typing import Any

import pytest

from actors.candidate.handle import CandidateHandle
from actors.router.service import Service

NOTHING: Any = None


@pytest.mark.parametrize(
    ("replicas", "kept_up", "down"),
    [({}, True, True), ({"one": ...}, True, False), (None, True, False), ({}, False, False)],
)
def test_who_has_no_replica_left_is_down(
    make_handle: Callable[..., Any], replicas: Any, kept_up: bool, down: bool
) -> None:
    handle = make_handle(replicas, chat=NOTHING, completions=NOTHING)
    here = Service(
        zoo=NOTHING,
        rules=NOTHING,
        handles={"a": CandidateHandle(handle)},
        models={},
        aptitudes={},
        kept_up=frozenset("a" if kept_up else ""),
        missing=frozenset(),
    )
    assert here.is_down("a") is down
    assert not here.is_down("b")  # who has left
