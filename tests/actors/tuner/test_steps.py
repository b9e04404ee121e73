from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from actors.selector.network import ModelSat, create
from actors.tuner.samples import draw_groups, read_samples
from actors.tuner.stages import enter_stage, make_optimizer, make_scheduler
from actors.tuner.steps import Batcher, Prediction, figures, predict, train_step
from cluster.settings import SelectorSettings, StageSettings
from cluster.store import Store


@pytest.fixture
def model(tiny_sources: Callable[..., SelectorSettings], tmp_path: Path) -> ModelSat:
    return create(tiny_sources(), Store(str(tmp_path / "store")), seed=0)


def test_a_step_gives_the_loss_of_equation_5(model: ModelSat, world: Any) -> None:
    train = read_samples(world.outcomes, world.questions, world.cards, 0.2).train
    groups = draw_groups(train, group_size=3, count=4, seed="0")
    enter_stage(model, 1)
    optimizer = make_optimizer(model, 1, StageSettings(lr=1e-2))
    expected = []
    for group in groups:
        ids = [model.inquiry.ids(text) for text in group.instructions]
        log_odds_K = model([model.capability(group.card)], [0] * 3, ids)
        expected.append(-torch.log_softmax(log_odds_K, 0)[group.positive])
    found = train_step(
        model, Batcher(model).batch(groups), optimizer, make_scheduler(optimizer, 10)
    )
    assert found["loss"] == pytest.approx(torch.stack(expected).mean().item(), abs=1e-5)


@pytest.mark.parametrize(("stage", "per_step"), [(1, 0), (2, 1)])
def test_a_card_is_encoded_once_a_step_and_once_at_all_while_frozen(
    model: ModelSat, world: Any, stage: int, per_step: int
) -> None:
    train = read_samples(world.outcomes, world.questions, world.cards, 0.2).train[:1]
    enter_stage(model, stage)
    optimizer = make_optimizer(model, stage, StageSettings(lr=1e-2))
    batcher = Batcher(model)
    encoded: list[int] = []
    model.encoder.register_forward_hook(lambda *_: encoded.append(1))
    for step in range(3):
        batch = batcher.batch(draw_groups(train, 4, 3, str(step)))
        train_step(model, batch, optimizer, make_scheduler(optimizer, 10))
    assert len(encoded) == (1 - per_step) + 3 * per_step


def test_figures_by_hand() -> None:
    rows = [
        Prediction("a", 2.0, True),
        Prediction("a", 1.0, False),
        Prediction("a", 3.0, False),
        Prediction("b", 0.0, True),
        Prediction("b", 0.0, False),
        Prediction("c", 9.0, True),  # has no wrong one: counts nowhere
    ]
    found = figures(rows)
    assert found["auc"] == pytest.approx((0.5 + 0.5) / 2)
    assert found["auc_pooled"] == pytest.approx((2 / 3 + 1 / 6) / 2)
    pairs = torch.tensor([[2.0, 1.0], [2.0, 3.0]])
    of_a = -torch.log_softmax(pairs, 1)[:, 0].mean().item()
    assert found["loss"] == pytest.approx((of_a + 0.693147) / 2)
    assert found["outcomes"] == 6


def test_figures_that_nothing_can_be_said_about_are_left_out() -> None:
    assert figures([Prediction("a", 1.0, True)]) == {"outcomes": 1}


def test_evaluation_changes_nothing(model: ModelSat, world: Any) -> None:
    held_out = read_samples(world.outcomes, world.questions, world.cards, 0.3).held_out
    enter_stage(model, 2)
    first = figures(predict(model, held_out))
    assert first == figures(predict(model, held_out))
    assert all(weight.requires_grad and weight.grad is None for weight in model.parameters())
