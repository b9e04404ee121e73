import asyncio

import pytest

from actors.selector.gathering import Gathering


def test_what_comes_while_busy_makes_up_the_next_batch() -> None:
    batches: list[list[int]] = []

    async def ask() -> list[list[int]]:
        all_wait = asyncio.Event()

        async def double(items: list[int]) -> list[int]:
            batches.append(items)
            await all_wait.wait()
            return [2 * item for item in items]

        gathering = Gathering(double, most=4)
        first = asyncio.create_task(gathering([1]))
        while not batches:
            await asyncio.sleep(0)
        more = ([2], [3, 4], [5], [6], list(range(10, 16)))
        others = [asyncio.create_task(gathering(items)) for items in more]
        await asyncio.sleep(0)
        all_wait.set()
        return list(await asyncio.gather(first, *others))

    results = asyncio.run(ask())
    assert results == [[2], [4], [6, 8], [10], [12], [20, 22, 24, 26, 28, 30]]
    assert batches == [[1], [2, 3, 4, 5], [6], [10, 11, 12, 13], [14, 15]]


def test_an_error_reaches_those_of_its_batch_only() -> None:
    async def invert(items: list[int]) -> list[float]:
        await asyncio.sleep(0)
        return [1 / item for item in items]

    async def ask() -> None:
        gathering = Gathering(invert, most=1)
        good, bad, last = await asyncio.gather(
            gathering([2]), gathering([0]), gathering([4]), return_exceptions=True
        )
        assert (good, last) == ([0.5], [0.25])
        assert isinstance(bad, ZeroDivisionError)

    asyncio.run(ask())


def test_who_came_first_may_leave_while_the_batch_is_worked_on() -> None:
    batches: list[list[int]] = []

    async def slow(items: list[int]) -> list[int]:
        batches.append(items)
        await asyncio.sleep(0.02)
        return items

    async def ask() -> None:
        gathering = Gathering(slow, most=8)
        before = asyncio.create_task(gathering([0]))
        while batches != [[0]]:
            await asyncio.sleep(0)
        leaves, stays = (asyncio.create_task(gathering([number])) for number in (1, 2))
        while batches != [[0], [1, 2]]:
            await asyncio.sleep(0)
        leaves.cancel()
        assert [await before, await stays] == [[0], [2]]
        with pytest.raises(asyncio.CancelledError):
            await leaves

    asyncio.run(asyncio.wait_for(ask(), 5))


def test_who_leaves_holds_nobody_up() -> None:
    async def slow(items: list[int]) -> list[int]:
        await asyncio.sleep(0.02)
        return items

    async def ask() -> None:
        gathering = Gathering(slow, most=8)
        leaves = [asyncio.create_task(gathering([number])) for number in range(3)]
        stays = asyncio.create_task(gathering([7]))
        await asyncio.sleep(0.01)
        for task in leaves:
            task.cancel()
        assert await stays == [7]
        with pytest.raises(asyncio.CancelledError):
            await leaves[0]
        assert await gathering([8]) == [8]

    asyncio.run(asyncio.wait_for(ask(), 5))
