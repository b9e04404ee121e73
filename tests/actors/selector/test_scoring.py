from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from actors.examiner.card import CapabilityCard
from actors.selector.network import ModelSat, create
from actors.selector.scorer import Scorer
from actors.selector.scoring import Selector, perturbed
from cluster.settings import SelectorSettings
from cluster.store import Store

QUESTIONS = ["Why?", "What is the capital of France?", "Name a prime number. " * 12, "Who?"]


@pytest.fixture(params=["card-first", "instruction-first"])
def model(
    request: pytest.FixtureRequest, tiny_sources: Callable[..., SelectorSettings], tmp_path: Path
) -> ModelSat:
    return create(tiny_sources(order=request.param), Store(str(tmp_path / "store")), seed=0)


@pytest.fixture
def cards(make_card: Callable[..., CapabilityCard]) -> list[CapabilityCard]:
    return [
        make_card(f"m{i}", [((i + 3 * j) % 11) / 10 for j in range(4 * i + 2)]) for i in range(4)
    ]


def test_scores_are_the_probabilities_of_the_network(
    model: ModelSat, cards: list[CapabilityCard]
) -> None:
    selector: Scorer = Selector(model)
    scores_NM = selector.scores(QUESTIONS, cards)
    assert scores_NM.shape == (4, 4)
    assert scores_NM.dtype == np.float32
    for n, question in enumerate(QUESTIONS):
        for m, card in enumerate(cards):
            log_odds = model([model.capability(card)], [0], [model.inquiry.ids(question)])
            assert scores_NM[n, m] == pytest.approx(torch.sigmoid(log_odds).item(), abs=1e-5)


def test_order_of_candidates_and_instructions_does_not_matter(
    model: ModelSat, cards: list[CapabilityCard]
) -> None:
    scores_NM = Selector(model).scores(QUESTIONS, cards)
    turned_NM = Selector(model).scores(QUESTIONS[::-1], [cards[2], cards[0], cards[3], cards[1]])
    assert np.array_equal(turned_NM[::-1], scores_NM[:, [2, 0, 3, 1]])


def test_the_token_budget_changes_no_score(model: ModelSat, cards: list[CapabilityCard]) -> None:
    one_batch = Selector(model, tokens_per_batch=100_000).scores(QUESTIONS, cards)
    row_by_row = Selector(model, tokens_per_batch=1).scores(QUESTIONS, cards)
    np.testing.assert_allclose(one_batch, row_by_row, atol=1e-5)


def test_a_card_is_encoded_once(model: ModelSat, cards: list[CapabilityCard]) -> None:
    selector = Selector(model)
    encoded: list[int] = []
    model.encoder.register_forward_hook(lambda *_: encoded.append(1))
    first = selector.scores(QUESTIONS, cards)
    again = selector.scores(QUESTIONS[::-1], [*cards, cards[0]])
    assert len(encoded) == len(cards)
    assert np.array_equal(again[::-1, :4], first)


def test_nothing_to_score_gives_empty_scores(model: ModelSat, cards: list[CapabilityCard]) -> None:
    assert Selector(model).scores([], cards).shape == (0, 4)
    assert Selector(model).scores(QUESTIONS, []).shape == (4, 0)


def test_perturbed_scores_are_the_mean_over_shuffles(
    tiny_sources: Callable[..., SelectorSettings],
    tmp_path: Path,
    make_card: Callable[..., CapabilityCard],
) -> None:
    settings = tiny_sources(window=30)
    model = create(settings, Store(str(tmp_path)), seed=0)
    cards = [make_card("a", [0.1, 0.5, 0.9, 1.0]), make_card("b", [0.0, 0.2, 0.4, 0.8])]
    shuffles = [perturbed(card, 2) for card in cards]
    assert perturbed(cards[0], 2) == shuffles[0] != [cards[0]] * 2
    expected_NM = np.stack(
        [Selector(model).scores(QUESTIONS, pair).mean(1) for pair in shuffles], axis=1
    )
    model.settings = settings.model_copy(update={"perturbations": 2})
    np.testing.assert_allclose(Selector(model).scores(QUESTIONS, cards), expected_NM, atol=1e-5)


def test_certain_log_odds_stay_finite(
    tiny_sources: Callable[..., SelectorSettings], tmp_path: Path, cards: list[CapabilityCard]
) -> None:
    settings = tiny_sources(head="regression", perturbations=2)
    model = create(settings, Store(str(tmp_path)), seed=0)
    torch.nn.init.constant_(model.head.get_parameter("regression.bias"), 500.0)
    log_odds_NM = Selector(model).log_odds(QUESTIONS, cards)
    torch.testing.assert_close(log_odds_NM, torch.full((4, 4), 500.0))
