"""What the router's tests share: stores with an untuned selector and the cards it needs."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from actors.examiner.card import CapabilityCard
from actors.examiner.records import write_card
from actors.selector.checkpoint import save
from actors.selector.network import create
from cluster.settings import SelectorSettings, Settings
from cluster.store import Store

PutSelector = Callable[[Settings, Sequence[CapabilityCard]], None]
StandIns = Callable[..., Settings]

ZOO = """
name: stand-ins
candidates:
  - {id: says-a, engine: {kind: stand-in, reply: A or so}, price: {input: 1}}
  - {id: says-b, engine: {kind: stand-in, reply: B or so}, price: {}}
  - {id: down, engine: {kind: remote, url: "http://127.0.0.1:9/v1", model: none}}
"""


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


@pytest.fixture(scope="session")
def make_stand_ins(
    tmp_path_factory: pytest.TempPathFactory,
    tiny_sources: Any,
    make_card: Any,
    put_selector: PutSelector,
) -> StandIns:
    """Makes settings of a router over two candidates that answer at once, and one that is down."""

    def make(port: int, **router: Any) -> Settings:
        folder = tmp_path_factory.mktemp("stand-ins")
        (folder / "zoo.yaml").write_text(ZOO)
        ids = ["says-a", "says-b"]
        settings = Settings.model_validate(
            {
                "store": str(folder / "store"),
                "zoo": str(folder / "zoo.yaml"),
                "selector": tiny_sources(),
                "router": {"port": port, "candidates": ids, **router},
            }
        )
        put_selector(settings, [make_card(id, [0.9, 0.1]) for id in ids])
        return settings

    return make
