"""What the router's tests share: stores with a selector and the cards it needs."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from actors.examiner.card import CapabilityCard
from actors.examiner.outcomes import OutcomeMatrix, cards_from_outcomes
from actors.examiner.records import write_card
from actors.selector.checkpoint import save
from actors.selector.item_response import pool_of
from actors.selector.network import create
from actors.tuner.item_response import ItemResponseLearner
from cluster.settings import ItemResponseSettings, SelectorSettings, Settings
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


@pytest.fixture(scope="session")
def put_fast_selector(tmp_path_factory: pytest.TempPathFactory) -> PutSelector:
    """As ``put_selector``, with one that likes candidates better the better their cards are."""

    def put(settings: Settings, cards: Sequence[CapabilityCard]) -> None:
        store = Store(settings.store)
        assert isinstance(settings.selector, ItemResponseSettings)
        known = invented_outcomes()
        learner = ItemResponseLearner(pool_of(settings.selector, store), settings.selector)
        folder: Path = tmp_path_factory.mktemp("selector") / "selector"
        test = cards[0].test
        save(learner.fit(known, cards_from_outcomes(known, test)), folder, {"test": test})
        store.put_folder(f"selectors/{settings.selector_name}", folder)
        for card in cards:
            write_card(store, card)

    return put


def invented_outcomes() -> OutcomeMatrix:
    """Outcomes of six candidates, of rising strength, in forty questions of two tasks."""
    draw = np.random.default_rng(0)
    prompts = [f"The model achieves accuracy {number}%" for number in range(40)]
    return OutcomeMatrix(
        question_ids=prompts,
        prompts=prompts,
        texts=prompts,
        datasets=["invented"] * 40,
        categories=["one", "other"] * 20,
        tasks=["one", "other"] * 20,
        candidates=[f"past-{number}" for number in range(6)],
        scores_NM=(draw.random((40, 6)) < np.linspace(0.2, 0.8, 6)).astype(np.float32),
    )
