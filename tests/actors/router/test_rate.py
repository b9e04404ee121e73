"""Requests counted in a real Redis, by two ingress replicas together; also while it is away."""

import asyncio
import logging
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from actors.router.keys import Caller
from actors.router.rate import Rate
from actors.router.refusals import RefusedError
from cluster.settings import GuardSettings

needs_redis = pytest.mark.skipif(
    shutil.which("redis-server") is None, reason="redis-server is not installed"
)


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def answers(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def redis(port: int) -> Iterator[None]:
    """A Redis that keeps nothing when it ends."""
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 30
        while not answers(port):
            assert time.monotonic() < until, "Redis does not answer"
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(30)


def passed(rates: list[Rate], who: Caller | None, times: int) -> int:
    """How many of some requests, sent to one replica after the other, were let in."""

    async def send() -> int:
        count = 0
        for number in range(times):
            try:
                await rates[number % len(rates)].count(who, "10.0.0.1")
                count += 1
            except RefusedError:
                pass
        return count

    return asyncio.run(send())


@needs_redis
def test_replicas_count_together(port: int) -> None:
    settings = GuardSettings(requests_per_minute=3, rate_storage=f"redis://127.0.0.1:{port}")
    with redis(port):
        alone = [Rate(GuardSettings(requests_per_minute=3)) for _ in range(2)]
        assert passed(alone, None, 8) == 6, "each for itself"
        assert passed([Rate(settings), Rate(settings)], None, 8) == 3
        own = Caller("alice", 5)
        assert passed([Rate(settings), Rate(settings)], own, 8) == 5, "her own limit, not theirs"
        assert passed([Rate(settings), Rate(settings)], own, 8) == 0


@needs_redis
def test_without_its_redis_the_router_answers(port: int, caplog: pytest.LogCaptureFixture) -> None:
    settings = GuardSettings(requests_per_minute=1, rate_storage=f"redis://127.0.0.1:{port}")
    rate = Rate(settings)
    with caplog.at_level(logging.ERROR, "ray.serve"):
        assert passed([rate], None, 3) == 3
    assert "requests are not counted: ConnectionError" in caplog.text
    with redis(port):
        assert passed([rate], None, 3) == 1, "it counts as soon as it can"
