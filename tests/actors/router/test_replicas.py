import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest
from ray.exceptions import ActorDiedError, ActorUnavailableError

from actors.router import replicas as module
from actors.router.replicas import Replicas, WentDownError


def death(actor: str | None) -> Exception:
    error: Exception = ActorDiedError()
    vars(error)["actor_id"] = actor
    return error


def slowly(ended: list[str]) -> Callable[[], Awaitable[str]]:
    async def answer() -> str:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise
        return "an answer"

    return answer


def at_once(answer: str) -> Callable[[], Awaitable[str]]:
    return lambda: asyncio.sleep(0, answer)


def test_none_is_left_once_all_that_serve_counts_were_seen_to_die() -> None:
    replicas = Replicas()
    replicas.saw(death("one"))
    assert not replicas.down  # nobody has counted yet
    replicas = Replicas()
    replicas.counted(2)
    for _ in range(3):
        replicas.saw(death("one"))  # of three requests
    assert not replicas.down
    assert replicas.in_doubt
    replicas.saw(death(None))
    assert replicas.down


def test_other_failures_are_no_deaths() -> None:
    replicas = Replicas()
    replicas.counted(1)
    replicas.saw(OSError("no"))
    assert not replicas.in_doubt
    replicas.saw(ActorUnavailableError("the network", b"0" * 16))
    assert replicas.in_doubt
    assert not replicas.down


def test_serve_counts_fewer_once_it_has_noticed() -> None:
    replicas = Replicas()
    replicas.counted(1)
    replicas.saw(death("one"))
    replicas.counted(1)
    assert replicas.down  # it has not noticed
    replicas.counted(0)
    assert replicas.down
    replicas.counted(1)
    assert not replicas.down


def test_another_one_may_come_before_serve_has_noticed() -> None:
    replicas = Replicas()
    replicas.counted(1)
    replicas.saw(death("one"))
    replicas.counted(2)
    assert not replicas.down


def test_a_death_is_not_believed_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now))
    replicas = Replicas()
    replicas.counted(1)
    replicas.saw(death("one"))
    now += 9
    assert replicas.down
    now += 2
    assert not replicas.down
    assert not replicas.in_doubt


def test_what_is_answered_is_given_back() -> None:
    async def story() -> None:
        replicas = Replicas()
        assert await replicas.until_down(at_once("an answer")) == "an answer"
        with pytest.raises(OSError, match="no"):
            await replicas.until_down(failing)

    async def failing() -> None:
        raise OSError("no")

    asyncio.run(story())


@pytest.mark.parametrize("end", [lambda one: one.counted(0), lambda one: one.saw(death("one"))])
def test_all_who_wait_hear_that_nobody_is_there(end: Callable[[Any], None]) -> None:
    async def story() -> None:
        replicas, ended = Replicas(), list[str]()
        replicas.counted(1)
        asked = [asyncio.create_task(replicas.until_down(slowly(ended))) for _ in range(2)]
        assert replicas.longest_wait == 0
        await asyncio.sleep(0.01)
        assert 0 < replicas.longest_wait < 60
        replicas.counted(1)
        await asyncio.sleep(0.01)
        assert not any(each.done() for each in asked)
        end(replicas)
        found = await asyncio.gather(*asked, return_exceptions=True)
        assert [type(each) for each in found] == [WentDownError] * 2
        assert ended == ["cancelled"] * 2
        with pytest.raises(WentDownError):
            await replicas.until_down(at_once("nobody asks"))
        replicas.counted(0)
        replicas.counted(1)
        assert await replicas.until_down(at_once("back")) == "back"

    asyncio.run(story())


def test_a_caller_that_leaves_takes_its_own_question_along_only() -> None:
    async def story() -> None:
        replicas, left, stayed = Replicas(), list[str](), list[str]()
        leaving, staying = (
            asyncio.create_task(replicas.until_down(slowly(ended))) for ended in (left, stayed)
        )
        await asyncio.sleep(0.01)
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        await asyncio.sleep(0)
        assert (left, stayed) == (["cancelled"], [])
        replicas.counted(0)
        with pytest.raises(WentDownError):
            await staying

    asyncio.run(story())
