"""The selector's handle; the deployment is a function here, and so is what Serve's handle knows."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from actors.router.selector_handle import SelectorHandle
from actors.router.waiting import WentDownError
from actors.selector.deployment import Scored

SCORED = [Scored("selector", {"a": 0.5})]


def handle(replicas: dict[str, Any], seconds: float = 0) -> SelectorHandle:
    """Of a deployment with these replicas, by id."""

    async def scores(instructions: list[str]) -> list[Scored]:
        await asyncio.sleep(seconds)
        return SCORED

    knows = SimpleNamespace(_request_router=SimpleNamespace(curr_replicas=replicas))
    deployed: Any = SimpleNamespace(
        _router=SimpleNamespace(_asyncio_router=knows), scores=SimpleNamespace(remote=scores)
    )
    deployed.options = lambda **options: deployed
    return SelectorHandle(deployed)


def test_it_is_asked_again_once_a_replica_serves() -> None:
    replicas: dict[str, Any] = {}
    selector = handle(replicas)
    with pytest.raises(WentDownError):
        asyncio.run(selector.scores(["Why?"]))
    replicas["one"] = ...
    assert asyncio.run(selector.scores(["Why?"])) == SCORED


def test_who_waits_is_released_only_when_the_last_one_is_down() -> None:
    async def story() -> None:
        replicas = {"one": ..., "two": ...}
        selector = handle(replicas, 60)
        asked = asyncio.create_task(selector.scores(["Why?"]))
        await asyncio.sleep(0.1)
        del replicas["one"]
        await asyncio.sleep(0.6)
        assert not asked.done()
        del replicas["two"]
        with pytest.raises(WentDownError):
            await asyncio.wait_for(asked, 5)

    asyncio.run(story())
