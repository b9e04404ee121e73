from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from actors.examiner.card import CapabilityCard
from actors.selector.network import ModelSat, create
from cluster.settings import SelectorSettings
from cluster.store import Store

IDS_B = [[5, 9, 11], [7, 8, 9, 10]]


@pytest.fixture
def build(tiny_sources: Callable[..., SelectorSettings], tmp_path: Path) -> Callable[..., ModelSat]:
    sources = tiny_sources()

    def with_settings(**settings: Any) -> ModelSat:
        return create(sources.model_copy(update=settings), Store(str(tmp_path)), seed=0)

    return with_settings


@pytest.fixture
def cards(make_card: Callable[..., CapabilityCard]) -> list[CapabilityCard]:
    return [make_card("weak", [0.1, 0.3]), make_card("strong", [0.7, 0.9])]


def log_odds(model: ModelSat, cards: list[CapabilityCard]) -> torch.Tensor:
    """Of both cards with both instructions, ``[4]``."""
    ids_B = [*IDS_B, *IDS_B]
    log_odds_B: torch.Tensor = model([*map(model.capability, cards)], [0, 0, 1, 1], ids_B)
    return log_odds_B


@pytest.mark.parametrize("order", ["card-first", "instruction-first"])
def test_a_regression_reads_the_last_state(
    build: Callable[..., ModelSat], cards: list[CapabilityCard], order: str
) -> None:
    model = build(head="regression", order=order)
    assert not log_odds(model, cards).any()
    weight_1D = torch.nn.init.normal_(model.head.get_parameter("regression.weight"))
    torch.nn.init.constant_(model.head.get_parameter("regression.bias"), 0.5)
    tokens_CD = model.tokens(model.capability(cards[0])).tokens_CD
    [words_TD] = model.words(IDS_B[:1])
    row = [tokens_CD, words_TD]
    if order == "instruction-first":  # p's last token stands after c
        row = [words_TD[:-1], tokens_CD, words_TD[-1:]]
    states_1TD = model.decoder.model(inputs_embeds=torch.cat(row)[None]).last_hidden_state
    expected = states_1TD[0, -1] @ weight_1D[0] + 0.5
    torch.testing.assert_close(log_odds(model, cards)[0], expected, atol=1e-4, rtol=1e-4)


def test_an_anchor_adds_the_level_of_the_card(
    build: Callable[..., ModelSat], cards: list[CapabilityCard]
) -> None:
    plain, anchored = build(), build(anchor=True)
    level_B = torch.tensor([plain.capability(card).level for card in cards]).repeat_interleave(2)
    added_B = log_odds(anchored, cards) - log_odds(plain, cards)
    torch.testing.assert_close(added_B, level_B, atol=1e-5, rtol=0)
    torch.autograd.backward(log_odds(anchored, cards).square().sum())
    grad = anchored.head.get_parameter("anchor").grad
    assert grad is not None
    assert grad.all()


def test_untuned_a_regression_with_an_anchor_ranks_by_mean_accuracy(
    build: Callable[..., ModelSat], cards: list[CapabilityCard]
) -> None:
    weak, _, strong, _ = log_odds(build(head="regression", anchor=True), cards).tolist()
    assert weak < 0 < strong


def test_without_settings_the_head_has_no_weights(build: Callable[..., ModelSat]) -> None:
    assert not build().head.state_dict()
