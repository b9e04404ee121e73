import asyncio
from collections.abc import Awaitable, Callable

import pytest

from actors.router.waiting import WentDownError, until_down


class Slow:
    """Somebody who does not answer for a minute, and knows how each of those who asked left."""

    def __init__(self) -> None:
        self.down = False
        self.ended: list[str] = []

    async def answer(self) -> str:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            self.ended.append("cancelled")
            raise
        return "an answer"

    def ask(self) -> asyncio.Task[str]:
        return asyncio.create_task(until_down(self.answer, lambda: self.down))


def at_once(answer: str) -> Callable[[], Awaitable[str]]:
    return lambda: asyncio.sleep(0, answer)


def test_what_is_answered_is_given_back() -> None:
    async def failing() -> str:
        raise OSError("no")

    assert asyncio.run(until_down(at_once("an answer"), lambda: False)) == "an answer"
    with pytest.raises(OSError, match="no"):
        asyncio.run(until_down(failing, lambda: False))


def test_nobody_is_asked_who_is_down() -> None:
    def ask() -> Awaitable[str]:
        raise AssertionError("it was asked")

    with pytest.raises(WentDownError):
        asyncio.run(until_down(ask, lambda: True))


def test_all_who_wait_hear_that_nobody_is_there() -> None:
    async def story() -> None:
        slow = Slow()
        asked = [slow.ask() for _ in range(2)]
        await asyncio.sleep(0.6)
        assert not any(each.done() for each in asked)
        slow.down = True
        found = await asyncio.wait_for(asyncio.gather(*asked, return_exceptions=True), 5)
        assert [type(each) for each in found] == [WentDownError] * 2
        await asyncio.sleep(0)
        assert slow.ended == ["cancelled"] * 2

    asyncio.run(story())


def test_a_caller_that_leaves_takes_its_own_question_along_only() -> None:
    async def story() -> None:
        slow = Slow()
        leaving, staying = slow.ask(), slow.ask()
        await asyncio.sleep(0.01)
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        await asyncio.sleep(0)
        assert slow.ended == ["cancelled"]
        slow.down = True
        with pytest.raises(WentDownError):
            await asyncio.wait_for(staying, 5)

    asyncio.run(story())


def test_an_answer_that_comes_as_it_goes_down_counts() -> None:
    looks = iter([False, True])
    assert asyncio.run(until_down(at_once("last words"), lambda: next(looks))) == "last words"
