from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch

from actors.examiner.outcomes import outcome_matrix
from actors.tuner.learner import ModelSatLearner
from cluster.errors import SettingsError, TableError
from cluster.settings import SelectorSettings, StageSettings, TuningSettings
from cluster.store import Store

STAGE = StageSettings(epochs=1, lr=1e-3)


@pytest.mark.parametrize("use_gpu", [False, pytest.param(True, marks=pytest.mark.gpu)])
def test_it_learns_where_the_settings_say(
    tiny_sources: Callable[..., SelectorSettings], world: Any, tmp_path: Path, use_gpu: bool
) -> None:
    if use_gpu and not torch.cuda.is_available():
        pytest.skip("there is no GPU")
    tuning = TuningSettings(groups_per_epoch=8, stage1=STAGE, stage2=STAGE, use_gpu=use_gpu)
    learner = ModelSatLearner(tiny_sources(), tuning, Store(str(tmp_path)))
    selector = learner.fit(outcome_matrix(world.questions, world.outcomes), world.cards)
    assert selector.encoder.device.type == ("cuda" if use_gpu else "cpu")
    scores_NM = selector.scores(["Why?", "Who was king?"], world.cards)
    assert all(weight.grad is None for weight in selector.encoder.parameters())
    assert scores_NM.shape == (2, 3)
    assert np.isfinite(scores_NM).all()


@pytest.mark.parametrize("loss", ["paper", "likelihood"])
@pytest.mark.parametrize("groups_per_epoch", [None, 8])
def test_outcomes_that_teach_nothing_are_an_error(
    tiny_sources: Callable[..., SelectorSettings],
    world: Any,
    tmp_path: Path,
    loss: Literal["paper", "likelihood"],
    groups_per_epoch: int | None,
) -> None:
    tuning = TuningSettings(loss=loss, groups_per_epoch=groups_per_epoch)
    learner = ModelSatLearner(tiny_sources(), tuning, Store(str(tmp_path)))
    matrix = outcome_matrix(world.questions, world.outcomes)
    perfect = replace(matrix, scores_NM=np.ones_like(matrix.scores_NM))
    with pytest.raises(TableError, match=r"no candidate has both .*; candidates: m0, m1, m2"):
        learner.fit(perfect, world.cards)


def test_a_candidate_without_a_card_is_an_error(
    tiny_sources: Callable[..., SelectorSettings], world: Any, tmp_path: Path
) -> None:
    learner = ModelSatLearner(tiny_sources(), TuningSettings(), Store(str(tmp_path)))
    with pytest.raises(TableError, match="candidate 'm2' has no capability card; cards: m0, m1"):
        learner.fit(outcome_matrix(world.questions, world.outcomes), world.cards[:2])


def test_a_gpu_that_is_not_there_is_said_before_anything_is_read(
    tiny_sources: Callable[..., SelectorSettings], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SettingsError, match=r"key 'tuning\.use_gpu': .* no GPU here"):
        ModelSatLearner(tiny_sources(), TuningSettings(use_gpu=True), Store(str(tmp_path)))
