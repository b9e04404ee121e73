"""A server for tests of handles; alone here, so that a replica that takes over is there soon.

With the tests it would import Ray's LLM classes before it starts, for some twenty seconds.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from typing import Any


class Endless:
    """A server that says one thing, or nothing, and goes on for ever; it knows who was left."""

    def __init__(self) -> None:
        self.begun = self.left = 0

    async def chat(self, request: Any, raw_request_info: Any = None) -> AsyncIterator[str]:
        async for part in self._says("data: {}\n\n"):
            yield part

    async def completions(self, request: Any, raw_request_info: Any = None) -> AsyncIterator[str]:
        async for part in self._says():
            yield part

    async def _says(self, *parts: str) -> AsyncIterator[str]:
        self.begun += 1
        try:
            for part in parts:
                yield part
            await asyncio.sleep(600)
        except asyncio.CancelledError:
            self.left += 1
            raise

    async def counts(self, request: Any = None) -> tuple[int, int]:
        return self.begun, self.left

    async def die(self) -> None:
        os._exit(1)
