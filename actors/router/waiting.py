"""Waits for somebody's answer until it is there, or until that one goes down.

Serve keeps what a deployment is asked until a replica of it is back, which takes minutes for large
ones. Who is down, it says (``actors.router.service``); who waits for them need not wait on.
"""

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar

T = TypeVar("T")


class WentDownError(Exception):
    """Nobody is there to answer."""


class Waiting:
    """All that waits for one who is to answer."""

    def __init__(self) -> None:
        self._asking: set[asyncio.Task[Any]] = set()

    def went_down(self) -> None:
        """Ends the waiting."""
        for asking in self._asking:
            asking.cancel()

    async def until_down(self, answer: Awaitable[T]) -> T:
        """The answer.

        Raises:
            WentDownError: ``went_down`` was called first.
        """
        asking = asyncio.ensure_future(answer)
        self._asking.add(asking)
        try:
            return await asking
        except asyncio.CancelledError as error:
            mine = asyncio.current_task()
            if mine and not mine.cancelling():  # who was asked went down; the caller is there
                raise WentDownError from error
            asking.cancel()
            raise
        finally:
            self._asking.discard(asking)
