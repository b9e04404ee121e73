"""How the ingress reaches a selector that runs in replicas of its own."""

from typing import Any

from ray.serve.handle import DeploymentHandle
from ray.serve.schema import ServeStatus

from actors.router.service import is_down
from actors.router.waiting import Waiting, WentDownError
from actors.selector.deployment import Scored
from actors.selector.nearest import Near


class SelectorHandle:
    """Asks the deployment that ``handle`` leads to, unless Serve says that it is down."""

    def __init__(self, handle: DeploymentHandle) -> None:
        # By value: half the time of a call, and what goes there and back is small.
        self._handle: Any = handle.options(_by_reference=False)
        self.down = False  # as ``see`` saw it last
        self._waiting = Waiting()

    async def scores(self, instructions: list[str]) -> list[Scored]:
        """As ``SelectorDeployment.scores``. Raises WentDownError if it is down, or goes down."""
        found: list[Scored] = await self._answer(self._handle.scores.remote, instructions)
        return found

    async def tasks(self, instructions: list[str], count: int) -> list[list[Near]]:
        """As ``SelectorDeployment.tasks``. Raises WentDownError if it is down, or goes down."""
        found: list[list[Near]] = await self._answer(self._handle.tasks.remote, instructions, count)
        return found

    def see(self, status: ServeStatus) -> None:
        """Takes up whether any replica serves."""
        self.down = is_down(self._handle, status)

    def release(self) -> None:
        """Ends the waiting for it if it is down."""
        if self.down:
            self._waiting.went_down()

    async def _answer(self, ask: Any, *asked: Any) -> Any:
        if self.down:
            raise WentDownError
        return await self._waiting.until_down(ask(*asked))
