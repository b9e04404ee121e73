"""How the ingress reaches a selector that runs in replicas of its own."""

from collections.abc import Callable
from typing import Any

from ray.serve.handle import DeploymentHandle

from actors.candidate.handle import replicas_left
from actors.router.waiting import until_down
from actors.selector.deployment import Scored
from actors.selector.nearest import Near


class SelectorHandle:
    """Asks the deployment that ``handle`` leads to, as long as any of its replicas is left."""

    def __init__(self, handle: DeploymentHandle) -> None:
        # By value: half the time of a call, and what goes there and back is small.
        self._handle: Any = handle.options(_by_reference=False)

    async def scores(self, instructions: list[str]) -> list[Scored]:
        """As ``SelectorDeployment.scores``. Raises WentDownError if it is down, or goes down."""
        found: list[Scored] = await self._answer(lambda: self._handle.scores.remote(instructions))
        return found

    async def tasks(self, instructions: list[str], count: int) -> list[list[Near]]:
        """As ``SelectorDeployment.tasks``. Raises WentDownError if it is down, or goes down."""
        found: list[list[Near]] = await self._answer(
            lambda: self._handle.tasks.remote(instructions, count)
        )
        return found

    async def _answer(self, ask: Callable[[], Any]) -> Any:
        return await until_down(ask, lambda: replicas_left(self._handle) == 0)
