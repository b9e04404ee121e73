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
    """Calls a function of many items for callers who each have a few.

    It does so in a task of its own: a caller who leaves takes nobody's results along.
    """

    def __init__(
        self, function: Callable[[list[Item]], Awaitable[list[Result]]], most: int
    ) -> None:
        """``most``: items of a batch; a caller who has more waits for others in between."""
        self._function = function
        self._most = most
        self._waiting: list[tuple[list[Item], asyncio.Future[list[Result]]]] = []
        self._working: asyncio.Task[None] | None = None

    async def __call__(self, items: list[Item]) -> list[Result]:
        """The results of ``items``, in their order; raises what the function raises."""
        found: list[Result] = []
        for start in range(0, len(items), self._most):
            found += await self._results(items[start : start + self._most])
        return found

    async def _results(self, items: list[Item]) -> list[Result]:
        mine: asyncio.Future[list[Result]] = asyncio.get_running_loop().create_future()
        self._waiting.append((items, mine))
        if self._working is None or self._working.done():
            self._working = asyncio.create_task(self._work())
        return await mine

    async def _work(self) -> None:
        while self._waiting:
            await self._next_batch()

    async def _next_batch(self) -> None:
        batch = [self._waiting.pop(0)]
        count = len(batch[0][0])
        while self._waiting and count + len(self._waiting[0][0]) <= self._most:
            batch.append(self._waiting.pop(0))
            count += len(batch[-1][0])
        batch = [(items, future) for items, future in batch if not future.done()]
        if not batch:  # all of them left
            return
        try:
            results = iter(await self._function([item for items, _ in batch for item in items]))
        except Exception as error:
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
            return
        for items, future in batch:
            found = [next(results) for _ in items]
            if not future.done():
                future.set_result(found)
