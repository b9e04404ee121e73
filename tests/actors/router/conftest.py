"""What the router's tests share: stores with an untuned selector and the cards it needs."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from actors.examiner.card import CapabilityCard
from actors.examiner.records import write_card
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
