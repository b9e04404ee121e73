"""Two workers on CPUs (gloo), with DDP and FSDP: the same course, checkpoints and selector."""

from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed
from safetensors.torch import load_file, save_file
from torch import nn
from torch.multiprocessing.spawn import spawn
from torch.nn.parallel import DistributedDataParallel

from actors.selector.network import ModelSat, create
from actors.tuner.course import Course, Worker
from actors.tuner.samples import Record, read_samples
from actors.tuner.sharding import copy_weights, shard
from cluster.settings import SelectorSettings, StageSettings, TuningSettings
from cluster.store import Store

TUNING = TuningSettings(
    group_size=3,
    groups_per_step=1,
    accumulate=2,
    groups_per_epoch=8,
    stage1=StageSettings(epochs=1, lr=1e-2),
    stage2=StageSettings(epochs=2, lr=1e-3, lr_scale=5.0),
)
BROKEN_OFF_AFTER = 3
FROZEN = TUNING.model_copy(update={"frozen_layers": 2, "tune_encoder": False})
# Layers that read instructions learn; these are less alike in length on one worker than the other.
READER = TUNING.model_copy(update={"frozen_layers": 1})
# No part of its own, so that the first stage is the one that is sharded.
ONE_STAGE = TUNING.model_copy(update={"stage1": StageSettings(epochs=0, lr=1e-2)})
CASES: dict[str, tuple[dict[str, Any], TuningSettings]] = {
    "whole": ({}, TUNING),
    "frozen": ({"layers": 3, "order": "instruction-first", "capability_layer": 2}, FROZEN),
    "reader": ({"layers": 3, "order": "instruction-first", "capability_layer": 2}, READER),
    "words": ({"capability": "words"}, ONE_STAGE),
}


def ddp(model: ModelSat, stage: int) -> nn.Module:
    return DistributedDataParallel(model, find_unused_parameters=stage == 2)


def fsdp(model: ModelSat, stage: int) -> nn.Module:
    if stage == 1:
        return ddp(model, stage)
    shard(model)
    return model


def work(
    rank: int, folder: Path, sources: dict[str, SelectorSettings], records: list[Record]
) -> None:
    """All cases: two processes that import torch for each would take longer than the tuning."""
    torch.set_num_threads(1)
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2
    )
    for name, (_, tuning) in CASES.items():
        asked = unlike(records) if name == "reader" else records
        tune_each_way(Worker(rank, 2), folder / name, sources[name], tuning, asked)
    torch.distributed.destroy_process_group()


def unlike(records: list[Record]) -> list[Record]:
    """The records, a quarter of their instructions far longer."""

    def longer(texts: list[str]) -> list[str]:
        return [text * 3 if " 1" in text else text for text in texts]

    return [Record(card, longer(right), longer(wrong)) for card, right, wrong in records]


def tune_each_way(
    worker: Worker,
    folder: Path,
    sources: SelectorSettings,
    tuning: TuningSettings,
    records: list[Record],
) -> None:
    """Both ways from start to end, and FSDP once more from the middle."""
    rank = worker.rank

    def tuned(wrap: Any, state: Path | None = None, broken_off: bool = False) -> None:
        model = create(sources, Store(str(folder)), seed=0)
        course = Course(model, records, tuning, worker, wrap)
        if state:
            course.resume(state)
        steps = list(islice(course.steps(), BROKEN_OFF_AFTER if broken_off else None))
        assert len(steps) == course.done - (BROKEN_OFF_AFTER if state else 0)
        if broken_off:
            course.save(folder / "state" if rank == 0 else None)
        else:
            plain = create(sources, Store(str(folder)), seed=0)
            copy_weights(model, plain)
            name = f"{wrap.__name__}{'-resumed' if state else ''}"
            save_file(dict(plain.named_parameters()), folder / f"{name}-{rank}.safetensors")
        torch.distributed.barrier()

    tuned(ddp)
    tuned(fsdp)
    tuned(fsdp, broken_off=True)
    tuned(fsdp, folder / "state")


@pytest.fixture(scope="module")
def sources(tiny_sources: Callable[..., SelectorSettings]) -> dict[str, SelectorSettings]:
    return {name: tiny_sources(**selector) for name, (selector, _) in CASES.items()}


@pytest.fixture(scope="module")
def records(world: Any) -> list[Record]:
    return read_samples(world.outcomes, world.questions, world.cards, 0.2).train


@pytest.fixture(scope="module")
def tuned(
    tmp_path_factory: pytest.TempPathFactory,
    sources: dict[str, SelectorSettings],
    records: list[Record],
) -> Path:
    """A folder with what two workers made of each case."""
    folder = tmp_path_factory.mktemp("sharding")
    for name in CASES:
        (folder / name / "state").mkdir(parents=True)
    spawn(work, (folder, sources, records), nprocs=2)  # type: ignore[no-untyped-call]
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_sharded_workers_tune_as_whole_ones_do(
    tuned: Path, sources: dict[str, SelectorSettings], records: list[Record], name: str
) -> None:
    folder = tuned / name
    found = {file.stem: load_file(file) for file in folder.glob("*.safetensors")}
    assert found.keys() == {f"{way}-{n}" for way in ("ddp", "fsdp", "fsdp-resumed") for n in (0, 1)}
    untuned = dict(create(sources[name], Store(str(folder)), seed=0).named_parameters())
    for part, weight in found["ddp-0"].items():
        for way in ("ddp-1", "fsdp-0", "fsdp-1"):
            torch.testing.assert_close(found[way][part], weight, atol=1e-5, rtol=1e-3)
        for rank in (0, 1):
            assert torch.equal(found[f"fsdp-resumed-{rank}"][part], found["fsdp-0"][part]), part
    assert any(not torch.equal(found["ddp-0"][part], untuned[part]) for part in untuned)
    # The states are whole: one worker alone can read them.
    alone = create(sources[name], Store(str(folder)), seed=0)
    course = Course(alone, records, CASES[name][1])
    course.resume(folder / "state")
    assert course.done > 0
