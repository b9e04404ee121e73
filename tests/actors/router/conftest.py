"""What the router's tests share: stores with an untuned selector and its cards, and answers."""

from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from actors.examiner.card import CapabilityCard
from actors.examiner.records import write_card
from actors.router.answered import Answered
from actors.router.rules import Choice
from actors.selector.checkpoint import save
from actors.selector.network import create
from cluster.settings import SelectorSettings, Settings
from cluster.store import Store

PutSelector = Callable[[Settings, Sequence[CapabilityCard]], None]


@pytest.fixture(scope="session")
def put_selector(tmp_path_factory: pytest.TempPathFactory) -> PutSelector:
    """Puts an untuned selector, and the cards of the candidates, into the settings' store."""

    def put(settings: Settings, cards: Sequence[CapabilityCard]) -> None:
        store = Store(settings.store)
        assert isinstance(settings.selector, SelectorSettings)
        folder: Path = tmp_path_factory.mktemp("selector") / "selector"
        save(create(settings.selector, store, seed=0), folder, {"test": cards[0].test})
        store.put_folder(f"selectors/{settings.selector_name}", folder)
        for card in cards:
            write_card(store, card)

    return put


MakeAnswered = Callable[..., Answered]


@pytest.fixture(scope="session")
def make_answered() -> MakeAnswered:
    """Makes what came of a request that ``a`` answered, ``b`` being the other candidate."""

    def make(
        response_id: str = "r1", instruction: str = "What is 2 + 2?", **changes: Any
    ) -> Answered:
        of_choice = {field.name for field in fields(Choice)} & changes.keys()
        choice = Choice("a", 0.75, "best-quality", {"a": 0.75, "b": 0.25})
        choice = replace(choice, **{name: changes.pop(name) for name in of_choice})
        answered = Answered(response_id, instruction, choice, 0.004, 0.1, 0.5, 12, 30, 0.0001)
        return replace(answered, **changes)

    return make
