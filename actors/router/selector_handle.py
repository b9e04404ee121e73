"""How the ingress reaches a selector that runs in replicas of its own."""

from collections.abc import Callable
from typing import Any

from ray.serve.handle import DeploymentHandle
from ray.serve.schema import ServeStatus

from actors.router.replicas import Replicas
from actors.router.service import serving_replicas
from actors.selector.deployment import Scored
from actors.selector.nearest import Near

_SILENT_SECONDS = 1.0


class SelectorHandle:
    """Asks the deployment that ``handle`` leads to, as long as any of its replicas is left."""

    def __init__(self, handle: DeploymentHandle) -> None:
        # By value: half the time of a call, and what goes there and back is small.
        self._handle: Any = handle.options(_by_reference=False)
        self._replicas = Replicas()

    @property
    def in_doubt(self) -> bool:
        """Whether Serve should be asked soon if it is up: see ``Replicas``, or it is silent.

        What a dead replica did not take, Serve's handle goes on asking, and tells nobody.
        """
        return self._replicas.in_doubt or self._replicas.longest_wait > _SILENT_SECONDS

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

    def see(self, status: ServeStatus) -> None:
        """Takes up how many replicas serve."""
        self._replicas.counted(serving_replicas(self._handle, status))

    async def _answer(self, ask: Callable[[], Any]) -> Any:
        try:
            return await self._replicas.until_down(ask)
        except Exception as error:
            self._replicas.saw(error)
            raise
