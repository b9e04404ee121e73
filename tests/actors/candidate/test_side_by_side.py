"""Candidates side by side: how many at once, and what a failure does to the others."""

import threading
from collections.abc import Mapping
from typing import Any

import pytest

from actors.candidate.engine import Sampling
from actors.candidate.side_by_side import side_by_side
from cluster.errors import EngineError, StoreError


class Needing:
    """An engine that holds so many of the 16 CPUs."""

    def __init__(self, cpus: float, **more: float) -> None:
        self.needs: Mapping[str, float] = {"CPU": cpus, **more}

    def answer(self, conversations: Any, sampling: Sampling) -> Any:
        raise AssertionError("not asked here")


class Count:
    """Work that notes how much of it goes on at once."""

    def __init__(self) -> None:
        self.lock, self.now, self.most = threading.Lock(), 0, 0
        self.pause = threading.Event()

    def __call__(self, id: str) -> str:
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        self.pause.wait(0.2)
        with self.lock:
            self.now -= 1
        return id.upper()


@pytest.mark.parametrize(("cpus", "most"), [(1.0, 4), (7.0, 2), (16.0, 1), (99.0, 1)])
def test_as_many_as_fit(ray_cluster: None, cpus: float, most: int) -> None:
    count = Count()
    done = side_by_side({id: Needing(cpus) for id in "abcd"}, count)
    assert done == {"a": "A", "b": "B", "c": "C", "d": "D"}
    assert count.most == most


def test_what_nobody_has_is_waited_for_alone(ray_cluster: None) -> None:
    count = Count()
    side_by_side({"a": Needing(1, GPU=1), "b": Needing(1), "c": Needing(1)}, count)
    assert count.most == 2


def test_a_failure_stops_no_other(ray_cluster: None) -> None:
    done = []

    def work(id: str) -> None:
        if id == "b":
            raise EngineError("candidate 'b': broken")
        done.append(id)

    with pytest.raises(EngineError, match=r"^candidate 'b': broken$"):
        side_by_side({id: Needing(10) for id in "abc"}, work)
    assert done == ["a", "c"]


def test_other_errors_are_raised_at_once(ray_cluster: None) -> None:
    def work(id: str) -> None:
        raise StoreError("full")

    with pytest.raises(StoreError, match="full"):
        side_by_side({"a": Needing(1)}, work)
    assert side_by_side({}, work) == {}
