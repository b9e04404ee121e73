from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from actors.selector.network import ModelSat, create
from actors.tuner.groups import CandidateGroups, draw_groups
from actors.tuner.samples import read_samples
from actors.tuner.stages import BY_DEFAULT, enter_stage, make_optimizer, make_scheduler
from actors.tuner.steps import Batcher, train_step
from cluster.errors import SettingsError
from cluster.settings import SelectorSettings, StageSettings, TuningSettings
from cluster.store import Store

RATES = StageSettings(lr=1e-2, lr_scale=5.0)


@pytest.fixture
def model(tiny_sources: Callable[..., SelectorSettings], tmp_path: Path) -> ModelSat:
    return create(tiny_sources(), Store(str(tmp_path / "store")), seed=0)


def changed_parts(
    model: ModelSat, world: Any, stage: int, settings: TuningSettings = BY_DEFAULT
) -> dict[str, bool]:
    """Whether a step of a stage changes each part, and leaves gradients in it."""
    train = read_samples(world.outcomes, world.questions, world.cards, 0.2).train
    enter_stage(model, stage, settings)
    before = {name: weight.clone() for name, weight in model.named_parameters()}
    optimizer = make_optimizer(model, stage, RATES)
    batches = Batcher(model).batches(draw_groups([CandidateGroups(train, 4)], 2, "0"), 2)
    train_step(model, batches, "paper", optimizer, make_scheduler(optimizer, 10))
    train_step(model, batches, "paper", optimizer, make_scheduler(optimizer, 1))
    changed = dict.fromkeys(("encoder", "connector", "decoder"), False)
    for name, weight in model.named_parameters():
        differs = not torch.equal(weight, before[name])
        assert differs == (weight.grad is not None), name
        changed[name.partition(".")[0]] |= differs
    return changed


def test_only_the_connector_learns_in_stage_1(model: ModelSat, world: Any) -> None:
    learnt = {"encoder": False, "connector": True, "decoder": False}
    assert changed_parts(model, world, stage=1) == learnt


def test_everything_learns_in_stage_2(model: ModelSat, world: Any) -> None:
    learnt = {"encoder": True, "connector": True, "decoder": True}
    assert changed_parts(model, world, stage=2) == learnt


def test_what_is_frozen_does_not_learn_in_stage_2(model: ModelSat, world: Any) -> None:
    settings = TuningSettings(frozen_layers=1, tune_encoder=False)
    learnt = {"encoder": False, "connector": True, "decoder": True}
    assert changed_parts(model, world, 2, settings) == learnt
    learning = {name for name, weight in model.decoder.named_parameters() if weight.requires_grad}
    assert learning == {
        name
        for name, _ in model.decoder.named_parameters()
        if ".layers.1." in name or name.endswith(("model.norm.weight", "lm_head.weight"))
    }
    enter_stage(model, 2)
    assert all(weight.requires_grad for weight in model.parameters())


def test_no_more_layers_can_be_frozen_than_there_are(model: ModelSat) -> None:
    with pytest.raises(SettingsError, match=r"tuning\.frozen_layers': .* has 2 layers; found 3"):
        enter_stage(model, 2, TuningSettings(frozen_layers=3))


def test_stage_1_after_stage_2_freezes_again(model: ModelSat) -> None:
    enter_stage(model, 2)
    enter_stage(model, 1)
    learning = [name for name, weight in model.named_parameters() if weight.requires_grad]
    assert learning == ["connector.weight"]


def test_encoder_and_connector_learn_faster_than_the_decoder(model: ModelSat) -> None:
    decoder, faster = make_optimizer(model, 2, RATES).param_groups
    assert decoder["lr"] == pytest.approx(1e-2)
    assert faster["lr"] == pytest.approx(5e-2)
    assert {id(w) for w in decoder["params"]} == {id(w) for w in model.decoder.parameters()}
    others = [*model.encoder.parameters(), *model.connector.parameters()]
    assert {id(w) for w in faster["params"]} == {id(w) for w in others}
    [connector] = make_optimizer(model, 1, RATES).param_groups
    assert connector["lr"] == pytest.approx(1e-2)


def test_the_rate_rises_and_falls(model: ModelSat) -> None:
    optimizer = make_optimizer(model, 1, RATES)
    scheduler = make_scheduler(optimizer, 100)
    rates = []
    for _ in range(100):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    assert rates[0] == 0
    assert max(rates) == rates[10] == pytest.approx(1e-2)
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0, abs=1e-9)
