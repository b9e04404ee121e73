from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from actors.examiner.outcomes import outcome_matrix
from actors.tuner.learner import ModelSatLearner
from cluster.errors import SettingsError
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
    assert scores_NM.shape == (2, 3)
    assert np.isfinite(scores_NM).all()


def test_a_gpu_that_is_not_there_is_said_before_anything_is_read(
    tiny_sources: Callable[..., SelectorSettings], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SettingsError, match=r"key 'tuning\.use_gpu': .* no GPU here"):
        ModelSatLearner(tiny_sources(), TuningSettings(use_gpu=True), Store(str(tmp_path)))
