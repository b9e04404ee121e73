import asyncio

import pytest

from actors.router.waiting import Waiting, WentDownError


async def slowly(ended: list[str]) -> str:
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        ended.append("cancelled")
        raise
    return "an answer"


def test_what_is_answered_is_given_back() -> None:
    async def story() -> None:
        waiting = Waiting()
        assert await waiting.until_down(asyncio.sleep(0, "an answer")) == "an answer"
        with pytest.raises(OSError, match="no"):
            await waiting.until_down(failing())

    async def failing() -> None:
        raise OSError("no")

    asyncio.run(story())


def test_all_who_wait_hear_that_nobody_is_there() -> None:
    async def story() -> None:
        waiting, ended = Waiting(), list[str]()
        asked = [asyncio.create_task(waiting.until_down(slowly(ended))) for _ in range(2)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        waiting.went_down()
        found = await asyncio.gather(*asked, return_exceptions=True)
        assert [type(each) for each in found] == [WentDownError] * 2
        assert ended == ["cancelled"] * 2
        assert await waiting.until_down(asyncio.sleep(0, "back")) == "back"

    asyncio.run(story())


def test_a_caller_that_leaves_takes_its_own_question_along_only() -> None:
    async def story() -> None:
        waiting, left, stayed = Waiting(), list[str](), list[str]()
        leaving, staying = (
            asyncio.create_task(waiting.until_down(slowly(ended))) for ended in (left, stayed)
        )
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        await asyncio.sleep(0)
        assert (left, stayed) == (["cancelled"], [])
        waiting.went_down()
        with pytest.raises(WentDownError):
            await staying

    asyncio.run(story())
