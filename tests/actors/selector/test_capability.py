from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from actors.examiner.card import CapabilityCard, TaskResult
from actors.selector.capability import Capability
from actors.selector.network import ModelSat, create
from actors.selector.scoring import perturbed
from cluster.settings import SelectorSettings
from cluster.store import Store

ACCURACIES = [0.0, 0.3, 0.55, 0.8, 1.0]
IDS_B = [[5, 9, 11]]

Build = Callable[..., ModelSat]


@pytest.fixture
def build(tiny_sources: Callable[..., SelectorSettings], tmp_path: Path) -> Build:
    sources = tiny_sources(window=30)

    def with_settings(**settings: Any) -> ModelSat:
        return create(sources.model_copy(update=settings), Store(str(tmp_path)), seed=0)

    return with_settings


@pytest.fixture
def card(make_card: Callable[..., CapabilityCard]) -> CapabilityCard:
    return make_card("a", ACCURACIES).model_copy(update={"notes": "accuracy 5%"})


@torch.no_grad()
def log_odds(model: ModelSat, card: CapabilityCard) -> float:
    return float(model([model.capability(card)], [0], IDS_B))


def test_tasks_without_order_shuffle_to_the_same(build: Build, card: CapabilityCard) -> None:
    model = build(capability="tasks", numeric=True, capability_tokens=3)
    torch.nn.init.normal_(model.connector.get_parameter("numeric"))
    [shuffled] = perturbed(card, 1)
    assert shuffled.tasks != card.tasks
    assert model.tokens(model.capability(card)).tokens_CD.shape == (3, 48)
    assert log_odds(model, shuffled) == pytest.approx(log_odds(model, card), abs=1e-5)
    ordered = build()  # as text, order does matter
    assert log_odds(ordered, shuffled) != pytest.approx(log_odds(ordered, card), abs=1e-3)


def test_tasks_are_pooled_by_likeness_to_each_query(build: Build, card: CapabilityCard) -> None:
    model = build(capability="tasks", capability_tokens=2)
    read = model.capability(card)
    assert list(read.texts) == card.lines()
    vectors_KE = model.psi(read.texts)
    apart_KE = vectors_KE - vectors_KE.mean(0)
    keys_KE = apart_KE / apart_KE.norm(dim=1, keepdim=True)
    weights_QK = (model.connector.get_parameter("queries_QE") @ keys_KE.T).softmax(1)
    expected_QD = weights_QK @ vectors_KE @ model.connector.get_parameter("weight").T
    found_QD = model.tokens(read).tokens_CD
    torch.testing.assert_close(found_QD, expected_QD, atol=1e-5, rtol=1e-4)
    assert (weights_QK[0] - weights_QK[1]).abs().max() > 0.1  # the queries differ


def test_numbers_change_nothing_until_they_are_tuned(build: Build, card: CapabilityCard) -> None:
    plain, numeric = build(), build(numeric=True)
    assert log_odds(numeric, card) == log_odds(plain, card)
    numeric([numeric.capability(card)], [0], IDS_B).sum().backward()
    grad = numeric.connector.get_parameter("numeric").grad
    assert grad is not None
    assert grad.any()


def test_numbers_are_read_beside_the_text(build: Build, card: CapabilityCard) -> None:
    model = build(numeric=True)
    torch.nn.init.normal_(model.connector.get_parameter("numeric"))
    read = model.capability(card)
    odds_K = torch.tensor([(20 * a + 0.5) / (20 * (1 - a) + 0.5) for a in ACCURACIES])
    topics_KE = model.psi([task.keywords[0] for task in card.tasks])
    strengths_K = odds_K.log() - odds_K.log().mean()
    profile_E = strengths_K @ (topics_KE - topics_KE.mean(0)) / 5**0.5
    expected_CD = model.psi(read.texts) @ model.connector.get_parameter("weight").T
    expected_CD = expected_CD + model.connector.get_parameter("numeric") @ profile_E
    found_CD = model.tokens(read).tokens_CD
    torch.testing.assert_close(found_CD, expected_CD, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("order", ["card-first", "instruction-first"])
def test_words_of_a_card_are_the_decoders_own(
    build: Build, card: CapabilityCard, order: str
) -> None:
    model = build(capability="words", order=order)
    encoded: list[int] = []
    model.encoder.register_forward_hook(lambda *_: encoded.append(1))
    words = model.inquiry.tokens("\n".join(card.lines()) + "\n\n")
    [asked] = IDS_B
    ids = words + asked if order == "card-first" else asked[:-1] + words + asked[-1:]
    with torch.no_grad():
        logits_V = model.decoder(torch.tensor([ids])).logits[0, -1]
    expected = float(logits_V[model.inquiry.yes] - logits_V[model.inquiry.no])
    assert log_odds(model, card) == pytest.approx(expected, abs=1e-4)
    assert not encoded
    assert not list(model.connector.parameters())


def test_words_take_no_numbers(tiny_sources: Callable[..., SelectorSettings]) -> None:
    with pytest.raises(ValueError, match="'words' takes neither 'numeric'"):
        tiny_sources(capability="words", numeric=True)


def test_level_is_the_log_odds_of_the_mean_accuracy(
    build: Build, make_card: Callable[..., CapabilityCard]
) -> None:
    model = build()

    def level(accuracies: list[float]) -> float:
        return model.capability(make_card("a", accuracies)).level

    assert level([0.0, 1.0]) == pytest.approx(0)
    assert level([0.75, 0.75]) == pytest.approx(torch.logit(torch.tensor(30.5 / 41)).item())
    assert -10 < level([0.0]) < level([0.5]) < level([1.0]) < 10


def test_cards_of_one_text_may_differ_in_their_numbers(build: Build) -> None:
    model = build(numeric=True)

    def read(accuracy: float) -> Capability:
        task = TaskResult(task="t", keywords=[], accuracy=accuracy, count=1000)
        return model.capability(CapabilityCard(model_id="a", test="t", tasks=[task]))

    one, other = read(0.501), read(0.502)
    assert one.texts == other.texts
    assert one.topics == ("t",)
    assert one.numbers < other.numbers


def test_expert_knowledge_can_be_left_out(build: Build, card: CapabilityCard) -> None:
    with_notes, without = build(), build(expert_knowledge=False)
    bare = card.model_copy(update={"notes": ""})
    assert without.capability(card) == without.capability(bare) == with_notes.capability(bare)
    assert "accuracy 5%" in with_notes.capability(card).texts[-1]
