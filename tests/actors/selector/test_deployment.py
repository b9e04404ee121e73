import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from actors.examiner.card import CapabilityCard
from actors.examiner.records import write_card
from actors.selector import checkpoint
from actors.selector.deployment import SelectorDeployment
from actors.selector.nearest import NearestTasks
from actors.selector.network import create
from actors.selector.scoring import Selector
from cluster.roster import leave
from cluster.settings import SelectorSettings
from cluster.store import Store

IDS = ["a", "b"]


@pytest.fixture
def store(
    tmp_path: Path,
    tiny_sources: Callable[..., SelectorSettings],
    make_card: Callable[..., CapabilityCard],
) -> Store:
    store = Store(str(tmp_path / "store"))
    checkpoint.save(create(tiny_sources(), store, 0), tmp_path / "selector", {"test": "test"})
    store.put_folder("selectors/toy", tmp_path / "selector")
    for place, name in enumerate(IDS):
        write_card(store, make_card(name, [0.4 * place, 0.5]))
    return store


def deployed(store: Store, watch_seconds: float) -> SelectorDeployment:
    return SelectorDeployment(
        store.url, "toy", IDS, device="cpu", max_batch=4, watch_seconds=watch_seconds
    )


class Threads:
    """How many are in the selector at once, now and at most."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = self.most = 0
        for owner, name in ((Selector, "scores"), (NearestTasks, "of")):
            monkeypatch.setattr(owner, name, self._counted(getattr(owner, name)))

    def _counted(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any) -> Any:
            self.now += 1
            self.most = max(self.most, self.now)
            time.sleep(0.2)
            found = method(*args)
            self.now -= 1
            return found

        return counted


def test_one_thread_reads_at_a_time_though_callers_leave(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def ask() -> int:
        selector = deployed(store, watch_seconds=60)
        threads = Threads(monkeypatch)
        leaves = asyncio.create_task(selector.tasks(["Why?"], 1))
        while not threads.now:
            await asyncio.sleep(0.001)
        leaves.cancel()
        [[near]], [scored] = await asyncio.gather(
            selector.tasks(["Who?"], 1), selector.scores(["Who?"])
        )
        assert near.task.startswith("subject")
        assert scored.scores.keys() == {"a", "b"}
        return threads.most

    assert asyncio.run(ask()) == 1


def test_warming_up_waits_for_those_who_read(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    async def ask() -> int:
        selector = deployed(store, watch_seconds=0.01)
        threads = Threads(monkeypatch)
        leave(store, "b")
        while (await selector.scores(["Who?"]))[0].scores.keys() != {"a"}:
            pass
        return threads.most

    assert asyncio.run(asyncio.wait_for(ask(), 300)) == 1
