"""Batches of what came in while the last batch was worked on: nobody waits for a batch to fill.

``serve.batch`` closes a batch when its first item has waited long enough, busy or not. Without any
wait it makes a batch of every item, and they queue; with a wait, an idle selector wastes it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Gathering(Generic[Item, Result]):
    """Calls a function of many items for callers who each have a few."""

    def __init__(
        self, function: Callable[[list[Item]], Awaitable[list[Result]]], most: int
    ) -> None:
        """``most``: items of a batch, but for a caller who has more at once."""
        self._function = function
        self._most = most
        self._waiting: list[tuple[list[Item], asyncio.Future[list[Result]]]] = []
        self._busy = asyncio.Lock()

    async def __call__(self, items: list[Item]) -> list[Result]:
        """The results of ``items``, in their order; raises what the function raises."""
        mine: asyncio.Future[list[Result]] = asyncio.get_running_loop().create_future()
        self._waiting.append((items, mine))
        async with self._busy:
            while not mine.done():
                await self._next_batch()
        return mine.result()

    async def _next_batch(self) -> None:
        batch = [self._waiting.pop(0)]
        count = len(batch[0][0])
        while self._waiting and count + len(self._waiting[0][0]) <= self._most:
            batch.append(self._waiting.pop(0))
            count += len(batch[-1][0])
        batch = [(items, future) for items, future in batch if not future.cancelled()]
        try:
            results = iter(await self._function([item for items, _ in batch for item in items]))
        except Exception as error:
            for _, future in batch:
                future.set_exception(error)
            return
        for items, future in batch:
            future.set_result([next(results) for _ in items])
