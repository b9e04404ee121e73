"""The selector's handle; its deployment is a function, behind what is like a handle of Serve's."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from actors.router.selector_handle import SelectorHandle
from actors.router.waiting import WentDownError
from actors.selector.deployment import Scored

SCORED = [Scored("selector", {"a": 0.5})]


async def scores(instructions: list[str]) -> list[Scored]:
    return SCORED


async def scores_late(instructions: list[str]) -> list[Scored]:
    await asyncio.sleep(60)
    return SCORED


def test_it_is_asked_again_once_a_replica_serves(make_handle: Callable[..., Any]) -> None:
    replicas: dict[str, Any] = {}
    selector = SelectorHandle(make_handle(replicas, scores=SimpleNamespace(remote=scores)))
    with pytest.raises(WentDownError):
        asyncio.run(selector.scores(["Why?"]))
    replicas["one"] = ...
    assert asyncio.run(selector.scores(["Why?"])) == SCORED


def test_who_waits_is_released_only_when_the_last_one_is_down(
    make_handle: Callable[..., Any],
) -> None:
    async def story() -> None:
        replicas = {"one": ..., "two": ...}
        selector = SelectorHandle(make_handle(replicas, scores=SimpleNamespace(remote=scores_late)))
        asked = asyncio.create_task(selector.scores(["Why?"]))
        await asyncio.sleep(0.1)
        del replicas["one"]
        await asyncio.sleep(0.6)
        assert not asked.done()
        del replicas["two"]
        with pytest.raises(WentDownError):
            await asyncio.wait_for(asked, 5)

    asyncio.run(story())
