from pathlib import Path

import pytest

from cluster.errors import SettingsError
from cluster.settings import Settings
from jobs.route_dataset import run

ZOO = "{name: toy, candidates: [{id: a, engine: {kind: stand-in}}]}"


def test_a_selector_that_finds_no_gpu_is_said(ray_cluster: None, tmp_path: Path) -> None:
    (tmp_path / "zoo.yaml").write_text(ZOO)
    settings = Settings.model_validate(
        {
            "store": str(tmp_path / "store"),
            "zoo": str(tmp_path / "zoo.yaml"),
            "routing": {"instructions": "rows.jsonl"},
            "selector": {"kind": "item-response", "encoder": "store://models/e"},
            "router": {"selector_gpus": 1},
        }
    )
    with pytest.raises(SettingsError, match="the selector lacks GPU: it needs 1, the"):
        run(settings)
