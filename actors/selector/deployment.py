"""The selector on Ray Serve: scores of all candidates for an instruction, batched across requests.

The method is in ``actors.selector.scoring``; here is only what carries it onto Ray, and takes up
another selector, or candidates that join and leave, while requests go on being answered.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from threading import Lock
from typing import NamedTuple

from actors.examiner.card import CapabilityCard
from actors.examiner.records import load_cards
from actors.selector.gathering import Gathering
from actors.selector.nearest import Near, NearestTasks, encoder_of
from actors.selector.scorer import Scorer
from actors.selector.stored import load_stored
from cluster.roster import Roster, read_roster
from cluster.settings import FilterSettings
from cluster.store import Store

log = logging.getLogger("ray.serve")
_WARM_UP = "What is asked first should not wait until all is loaded."


class Scored(NamedTuple):
    """P('Yes') by candidate id, and the name of the selector that says so; None if none could."""

    selector: str | None
    scores: Mapping[str, float]


@dataclass(frozen=True)
class _Loaded:
    """A selector and who is in service; its methods are for threads."""

    name: str
    scorer: Scorer
    cards: list[CapabilityCard]
    # A tokenizer serves one thread at a time. It is held by the thread, which goes on when whoever
    # waits for it has left, and belongs to the scorer: another selector may be warmed up meanwhile.
    reading: Lock = field(default_factory=Lock)

    @cached_property
    def nearest(self) -> NearestTasks:
        """Made when somebody asks for tasks."""
        return NearestTasks(encoder_of(self.scorer), self.cards[0])

    def scores(self, instructions: list[str]) -> list[Scored]:
        """As ``SelectorDeployment.scores``."""
        with self.reading:
            scores_NM = self.scorer.scores(instructions, self.cards)
        ids = [card.model_id for card in self.cards]
        return [Scored(self.name, dict(zip(ids, row, strict=True))) for row in scores_NM.tolist()]

    def tasks(self, instructions: list[str], count: int) -> list[list[Near]]:
        """As ``SelectorDeployment.tasks``."""
        with self.reading:
            return self.nearest.of(instructions, count)


class SelectorDeployment:
    """Holds a tuned selector and the capability cards of the candidates in service."""

    def __init__(
        self,
        store_url: str,
        selector_name: str,
        model_ids: Sequence[str],
        *,
        device: str,
        max_batch: int,
        watch_seconds: float,
        before: FilterSettings | None = None,
    ) -> None:
        """Loads the selector and the candidates' cards of the test it was tuned with.

        Raises:
            StoreError: as ``load_stored``.
        """
        self._store = Store(store_url)
        self._started = (selector_name, tuple(model_ids))
        self._load = partial(load_stored, self._store, device=device, before=before)
        self._roster = read_roster(self._store)
        self._loaded = self._load_for(self._roster)
        self._gathered = Gathering(self._score, max_batch)
        self._watching = asyncio.get_running_loop().create_task(self._watch(watch_seconds))

    async def scores(self, instructions: list[str]) -> list[Scored]:
        """Of each instruction: P('Yes') of each candidate by its id."""
        return await self._gathered(instructions)

    async def tasks(self, instructions: list[str], count: int) -> list[list[Near]]:
        """Of each instruction: the nearest core tasks of the aptitude test."""
        return await asyncio.to_thread(self._loaded.tasks, instructions, count)

    async def _score(self, instructions: list[str]) -> list[Scored]:
        return await asyncio.to_thread(self._loaded.scores, instructions)

    async def _watch(self, seconds: float) -> None:
        while True:
            await asyncio.sleep(seconds)
            try:
                roster = await asyncio.to_thread(read_roster, self._store)
                if roster != self._roster:
                    self._loaded = await asyncio.to_thread(self._load_for, roster)
                    self._roster = roster
            except Exception as error:  # whatever it is: looking must go on
                log.warning("selector '%s' goes on as it is: %s", self._loaded.name, error)

    def _load_for(self, roster: Roster) -> _Loaded:
        """The selector that the roster asks for, with the cards of who is in service."""
        name, started = self._started
        name = roster.selector_name or name
        joined = [candidate.id for candidate in roster.joined]
        ids = [id for id in dict.fromkeys([*started, *joined]) if id not in roster.left]
        before: _Loaded | None = getattr(self, "_loaded", None)
        if before and before.name == name:  # weights stay; only who is in service changed
            loaded = replace(before, cards=load_cards(self._store, before.cards[0].test, ids))
        else:
            loaded = _Loaded(name, *self._load(name, ids))
        loaded.scores([_WARM_UP])
        return loaded
