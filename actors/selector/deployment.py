"""The selector on Ray Serve: scores of all candidates for an instruction, batched across requests.

The method is in ``actors.selector.scoring``; here is only what carries it onto Ray.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

from ray import serve

from actors.selector.stored import load_stored
from cluster.settings import FilterSettings
from cluster.store import Store


class SelectorDeployment:
    """Holds a tuned selector and the capability cards of a zoo's candidates."""

    def __init__(
        self,
        store_url: str,
        selector_name: str,
        model_ids: Sequence[str],
        *,
        device: str,
        max_batch: int,
        before: FilterSettings | None = None,
    ) -> None:
        """Loads ``selectors/NAME`` and the candidates' cards of the test it was tuned with.

        Raises:
            StoreError: as ``load_stored``.
        """
        self._selector, self._cards = load_stored(
            Store(store_url), selector_name, model_ids, device, before
        )
        scores: Any = self.scores  # a method that serve.batch gave setters
        scores.set_max_batch_size(max_batch)

    @serve.batch(max_batch_size=8, batch_wait_timeout_s=0.005)  # type: ignore[untyped-decorator]
    async def scores(self, instructions: list[str]) -> list[dict[str, float]]:
        """For one instruction (Serve gathers several): P('Yes') of each candidate by its id."""
        scores_NM = await asyncio.to_thread(self._selector.scores, instructions, self._cards)
        ids = [card.model_id for card in self._cards]
        return [dict(zip(ids, row, strict=True)) for row in scores_NM.tolist()]
