"""Waiting for an answer of somebody who may go down.

What a deployment without replicas is asked, Serve keeps until one is back, which takes minutes for
large ones. Who waits for that is let go here.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

_GLANCE_SECONDS = 0.25  # between two looks at whether anybody is there


class WentDownError(Exception):
    """Nobody is there to answer."""


async def until_down(ask: Callable[[], Awaitable[T]], is_down: Callable[[], bool]) -> T:
    """The answer.

    Raises:
        WentDownError: nobody was there, or nobody any more before the answer was.
    """
    if is_down():
        raise WentDownError
    asking = asyncio.ensure_future(ask())
    try:
        while not asking.done():
            await asyncio.wait({asking}, timeout=_GLANCE_SECONDS)
            if not asking.done() and is_down():
                raise WentDownError
        return asking.result()
    finally:
        asking.cancel()
