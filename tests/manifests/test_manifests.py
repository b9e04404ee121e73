"""Every YAML file that ships is parsed as what it is."""

from pathlib import Path

import pytest

from cluster.settings import Settings, load
from cluster.zoo import VllmEngine, load_zoo

MANIFESTS = Path(__file__).parents[2] / "manifests"
SIZES = {
    "laptop": 2,
    "smaller-scale": 5,
    "smaller-mixed": 8,
    "middle-mixed": 7,
    "larger-mixed": 10,
    "high-performance": 3,
}


@pytest.mark.parametrize("path", sorted(MANIFESTS.glob("zoos/*.yaml")), ids=lambda path: path.stem)
def test_zoos(path: Path) -> None:
    zoo = load_zoo(path)
    assert zoo.name == path.stem
    assert len(zoo.candidates) == SIZES[path.stem]
    for candidate in zoo.candidates:
        assert isinstance(candidate.engine, VllmEngine)
        tensor_parallel = candidate.engine.args.get("tensor_parallel_size", 1)
        assert candidate.resources.gpus in (0, tensor_parallel)
        assert candidate.release_date
        assert candidate.notes


@pytest.mark.parametrize("path", sorted(MANIFESTS.glob("runs/*.yaml")), ids=lambda path: path.stem)
def test_runs(path: Path) -> None:
    settings = load(Settings, path)
    assert load_zoo(MANIFESTS.parent / settings.zoo).candidates
