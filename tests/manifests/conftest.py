"""The overlays of manifests/kuberay, as `kubectl kustomize` builds them."""

import shutil
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
OVERLAYS = ("cpu-demo", "gpu")

Object = dict[str, Any]
Built = Callable[[str], list[Object]]


@cache
def build(folder: str) -> str:
    command = ["kubectl", "kustomize", str(ROOT / "manifests" / "kuberay" / folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def built() -> Built:
    """Gives the objects of an overlay, fresh ones each time."""
    if not shutil.which("kubectl"):
        pytest.skip("kubectl is not installed")
    return lambda overlay: list(yaml.safe_load_all(build(f"overlays/{overlay}")))
