from pathlib import Path
from typing import Any

import pytest

from cluster.errors import SettingsError
from cluster.settings import Settings
from jobs.route_dataset import run

ZOO = """
name: toy
candidates:
  - {id: a, engine: {kind: stand-in}}
  - {id: large, engine: {kind: vllm, source: org/large}, resources: {gpus: 8}}
"""


def settings(folder: Path, **router: Any) -> Settings:
    """Lacks the instructions: that is said once all that runs is found to fit."""
    (folder / "zoo.yaml").write_text(ZOO)
    return Settings.model_validate(
        {
            "store": str(folder / "store"),
            "zoo": str(folder / "zoo.yaml"),
            "selector": {"kind": "item-response", "encoder": "store://models/e"},
            "router": router,
        }
    )


def test_a_selector_that_finds_no_gpu_is_said(ray_cluster: None, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="the selector lacks GPU: it needs 1, the"):
        run(settings(tmp_path, selector_gpus=1))


def test_only_who_may_be_chosen_must_fit(ray_cluster: None, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="candidate 'large' lacks GPU"):
        run(settings(tmp_path))
    escalation = {"candidate": "large", "floor": 0.5}
    with pytest.raises(SettingsError, match="candidate 'large' lacks GPU"):
        run(settings(tmp_path, candidates=["a"], escalation=escalation))
    with pytest.raises(SettingsError, match=r"'routing\.instructions': is needed"):
        run(settings(tmp_path, candidates=["a"]))
