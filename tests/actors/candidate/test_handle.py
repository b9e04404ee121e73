"""Handles to servers on a real Serve: who is left to ask, and requests that nobody waits for."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from ray import serve
from ray.exceptions import ActorDiedError
from ray.serve.llm.openai_api_models import ChatCompletionRequest, ErrorResponse

from actors.candidate.handle import CandidateHandle, JsonHandle
from tests.actors.candidate.endless import Endless

REQUEST: Any = ChatCompletionRequest(model="endless", messages=[{"role": "user", "content": "Go"}])


@pytest.fixture(scope="module")
def endless(ray_cluster: None) -> Iterator[Any]:
    """A handle to the server."""
    deployment = serve.deployment(Endless, ray_actor_options={"num_cpus": 0.1})
    handle: Any = serve.run(deployment.bind(), name="endless", route_prefix=None)
    handle.counts.remote(REQUEST).result()  # the first request imports its class, for some seconds
    yield handle
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


@pytest.mark.parametrize("joined", [False, True])  # Ray may hand several events on as a list
def test_a_stream_that_begins_with_an_error_is_that_error(joined: bool) -> None:
    # As vLLM says it.
    error = 'data: {"error": {"message": "dead", "type": "x", "param": null, "code": 500}}\n\n'

    def answers(*events: str) -> list[Any]:
        async def remote(request: Any, raw_request_info: Any) -> AsyncIterator[Any]:
            for part in [list(events)] if joined else events:
                yield part

        async def parts() -> list[Any]:
            method = SimpleNamespace(remote=remote)
            handle: Any = SimpleNamespace(chat=method, completions=method)
            return [part async for part in CandidateHandle(handle).chat.remote(REQUEST)]

        return asyncio.run(parts())

    failed = answers(error, "data: [DONE]\n\n")[0]
    assert isinstance(failed, ErrorResponse)
    assert (failed.error.message, failed.error.code) == ("dead", 500)
    said = ['data: {"choices": []}\n\n', error]  # later it is for whoever reads the stream
    assert answers(*said) == ([said] if joined else said)
