"""The selector's handle beside Serve's own status objects; the deployment is a function here."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from ray.exceptions import ActorDiedError
from ray.serve.schema import ServeStatus

from actors.router.replicas import WentDownError
from actors.router.selector_handle import SelectorHandle
from actors.selector.deployment import Scored

SCORED = [Scored("selector", {"a": 0.5})]


def handle(seconds: float, error: Exception | None = None) -> SelectorHandle:
    async def scores(instructions: list[str]) -> list[Scored]:
        await asyncio.sleep(seconds)
        if error:
            raise error
        return SCORED

    deployed: Any = SimpleNamespace(
        app_name="app", deployment_name="selector", scores=SimpleNamespace(remote=scores)
    )
    deployed.options = lambda **options: deployed
    return SelectorHandle(deployed)


def test_it_is_asked_again_once_a_replica_serves(make_status: Callable[..., ServeStatus]) -> None:
    selector = handle(0)
    selector.see(make_status("selector", {"STARTING": 1}))
    with pytest.raises(WentDownError):
        asyncio.run(selector.scores(["Why?"]))
    selector.see(make_status("selector", {"RUNNING": 1}))
    assert asyncio.run(selector.scores(["Why?"])) == SCORED


def test_who_waits_is_released_only_when_it_is_down(
    make_status: Callable[..., ServeStatus],
) -> None:
    async def story() -> None:
        selector = handle(60)
        asked = asyncio.create_task(selector.scores(["Why?"]))
        await asyncio.sleep(0.01)
        selector.see(make_status("selector", {"RUNNING": 1}))
        await asyncio.sleep(0.01)
        assert not asked.done()
        selector.see(make_status("selector", {"STOPPING": 1}))
        with pytest.raises(WentDownError):
            await asked

    asyncio.run(story())


def test_it_is_down_as_soon_as_its_last_replica_was_seen_to_die(
    make_status: Callable[..., ServeStatus],
) -> None:
    selector = handle(0, ActorDiedError())
    selector.see(make_status("selector", {"RUNNING": 1}))
    with pytest.raises(ActorDiedError):
        asyncio.run(selector.scores(["Why?"]))
    assert selector.in_doubt
    with pytest.raises(WentDownError):
        asyncio.run(selector.tasks(["Why?"], 3))
