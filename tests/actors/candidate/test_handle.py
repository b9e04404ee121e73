"""Handles to servers on a real Serve: who is left to ask, and requests that nobody waits for."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from ray import serve
from ray.exceptions import ActorDiedError
from ray.serve.llm.openai_api_models import ChatCompletionRequest

from actors.candidate.handle import CandidateHandle, JsonHandle

REQUEST: Any = ChatCompletionRequest(model="endless", messages=[{"role": "user", "content": "Go"}])


class Endless:
    """A server that says one thing, or nothing, and goes on for ever; it knows who was left."""

    def __init__(self) -> None:
        self.begun = self.left = 0

    async def chat(self, request: Any, raw_request_info: Any = None) -> AsyncIterator[str]:
        async for part in self._says("data: {}\n\n"):
            yield part

    async def completions(self, request: Any, raw_request_info: Any = None) -> AsyncIterator[str]:
        async for part in self._says():
            yield part

    async def _says(self, *parts: str) -> AsyncIterator[str]:
        self.begun += 1
        try:
            for part in parts:
                yield part
            await asyncio.sleep(600)
        except asyncio.CancelledError:
            self.left += 1
            raise

    async def counts(self) -> tuple[int, int]:
        return self.begun, self.left

    async def die(self) -> None:
        os._exit(1)


@pytest.fixture(scope="module")
def endless(ray_cluster: None) -> Iterator[Any]:
    """A handle to the server."""
    deployment = serve.deployment(Endless, ray_actor_options={"num_cpus": 0.1})
    yield serve.run(deployment.bind(), name="endless", route_prefix=None)
    serve.shutdown()


async def all_end(endless: Any, begun: int) -> None:
    """Waits until that many requests have begun and all of them were left."""
    async with asyncio.timeout(30):
        while await endless.counts.remote() != (begun, begun):
            await asyncio.sleep(0.1)


@pytest.mark.parametrize("kind", [CandidateHandle, JsonHandle])
def test_a_request_ends_when_nobody_waits_for_it(endless: Any, kind: type[CandidateHandle]) -> None:
    before, _ = endless.counts.remote().result()
    handle = kind(endless).options(stream=True)

    async def wait_for_the_first_part() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5):
                await anext(handle.completions.remote(REQUEST))

    async def leave_after_it() -> None:
        parts: Any = handle.chat.remote(REQUEST)
        assert await anext(parts) == "data: {}\n\n"
        await parts.aclose()

    async def ask() -> None:
        await wait_for_the_first_part()
        await all_end(endless, before + 1)
        await leave_after_it()
        await all_end(endless, before + 2)

    asyncio.run(ask())


def test_it_is_known_at_once_that_the_last_replica_died(endless: Any) -> None:
    handle = CandidateHandle(endless)

    async def until(left: int, seconds: float) -> None:
        async with asyncio.timeout(seconds):
            while handle.left != left:
                await asyncio.sleep(0.01)

    async def story() -> None:
        await until(1, 30)
        with pytest.raises(ActorDiedError):
            await endless.die.remote()
        await until(0, 1)  # Serve asks replicas only now and then whether they live
        await until(1, 60)

    asyncio.run(story())
