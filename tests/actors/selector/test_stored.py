from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from actors.examiner.card import CapabilityCard
from actors.examiner.records import write_card
from actors.selector import checkpoint
from actors.selector.cascade import Cascade
from actors.selector.network import create
from actors.selector.stored import load_stored
from cluster.errors import StoreError
from cluster.settings import FilterSettings, SelectorSettings
from cluster.store import Store

IDS = ["a", "b", "c"]


@pytest.fixture
def store(
    tmp_path: Path,
    tiny_sources: Callable[..., SelectorSettings],
    make_card: Callable[..., CapabilityCard],
) -> Store:
    """Holds two selectors of one aptitude test, one of another, and three cards."""
    store = Store(str(tmp_path / "store"))
    cards = [make_card(name, [0.2 * place]) for place, name in enumerate(IDS)]
    settings = tiny_sources()
    for name, seed, test in (("large", 0, "toy"), ("fast", 1, "toy"), ("other", 1, "else")):
        folder = tmp_path / name
        checkpoint.save(create(settings, store, seed), folder, {"test": test})
        store.put_folder(f"selectors/{name}", folder)
    for card in cards:
        write_card(store, card.model_copy(update={"test": "toy"}))
    return store


def test_a_selector_comes_with_the_cards_of_its_test(store: Store) -> None:
    scorer, cards = load_stored(store, "large", IDS)
    assert [card.model_id for card in cards] == IDS
    assert scorer.scores(["Why?"], cards).shape == (1, 3)


def test_a_filter_comes_before_it(store: Store) -> None:
    before = FilterSettings(selector_name="fast", keep=1)
    scorer, cards = load_stored(store, "large", IDS, before=before)
    assert isinstance(scorer, Cascade)
    alone = load_stored(store, "large", IDS).scorer.scores(["Why?"], cards)
    fast = load_stored(store, "fast", IDS).scorer.scores(["Why?"], cards)
    found = scorer.scores(["Why?"], cards)
    kept = int(fast[0].argmax())
    assert found[0, kept] == pytest.approx(alone[0, kept], abs=1e-5)
    assert np.argmax(found[0]) == kept


def test_a_filter_of_another_test_is_refused(store: Store) -> None:
    before = FilterSettings(selector_name="other", keep=1)
    with pytest.raises(StoreError, match=r"selectors/other: was tuned with aptitude test else"):
        load_stored(store, "large", IDS, before=before)
