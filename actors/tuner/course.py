"""The course of tuning: stages, epochs and steps in their order, on one device and free of Ray.

Owns where tuning stands and how that is written and taken up again, so that a course that was
broken off goes on exactly as it would have. A state folder holds, without pickle:

    progress.json           stage, step, state of the schedule, scalars of the optimiser
    network.safetensors     the weights that learn in the stage
    optimizer.safetensors   the optimiser's tensors, as INDEX.NAME

Dropout stays off throughout: an accuracy on a card moves psi less than dropout does, and no
random state has to be kept: what is drawn at random is named by stage, epoch and step. How many
workers there were does not show in a state, only that their tensors are whole in it. Starting
workers, and reports, are ``loop``'s.
"""

import json
import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.optim import AdamW

from actors.selector.network import ModelSat
from actors.tuner.groups import Group, draw_groups, groups_of
from actors.tuner.resit import resit
from actors.tuner.samples import Record
from actors.tuner.sharding import share_of, whole
from actors.tuner.stages import (
    enter_stage,
    make_optimizer,
    make_scheduler,
    stage_settings,
    stages_of,
)
from actors.tuner.steps import Batcher, train_step
from cluster.errors import StoreError
from cluster.settings import TuningSettings

_PROGRESS = "progress.json"
_NETWORK = "network.safetensors"
_OPTIMIZER = "optimizer.safetensors"


class Worker(NamedTuple):
    """Which of several workers this is; each trains on its own groups of a step."""

    rank: int
    world: int


ALONE = Worker(rank=0, world=1)


class Step(NamedTuple):
    """A step that was done."""

    stage: int
    step: int
    of: int
    metrics: dict[str, float]


class Course:
    """Tunes a network in place, step by step."""

    def __init__(
        self,
        model: ModelSat,
        records: Sequence[Record],
        settings: TuningSettings,
        worker: Worker = ALONE,
        wrap: Callable[[ModelSat, int], nn.Module] = lambda model, stage: model,
    ) -> None:
        """``wrap`` joins the workers: it is called with model and stage before the stage begins.

        Raises:
            TableError: as ``groups_of``.
            SettingsError: as ``stages_of`` and ``enter_stage``.
        """
        self.model = model
        self._kinds = groups_of(records, settings)
        self._settings = settings
        self._worker = worker
        self._wrap = wrap
        self._drawn: tuple[int, int] | None = None  # stage and epoch that ``_epoch`` holds
        self._epoch: list[Group] = []
        self._stages = stages_of(model, settings)
        self._enter(self._stages[0])

    def steps(self) -> Iterator[Step]:
        """Trains to the end, yielding after each step; ``save`` may be called there."""
        yield from self._rest_of_stage()
        for stage in self._stages[self._stages.index(self._stage) + 1 :]:
            self._enter(stage)
            yield from self._rest_of_stage()

    @property
    def done(self) -> int:
        """Steps done since the start of the first stage."""
        return self._steps_of(self._stages[: self._stages.index(self._stage)]) + self._step

    @property
    def total(self) -> int:
        """Steps of all stages."""
        return self._steps_of(self._stages)

    def save(self, folder: Path | None) -> None:
        """Writes where the course stands into an existing folder.

        Of several workers one is given a folder and all call it, for each may hold a share.
        """
        keep = folder is not None
        weights = _gathered(self._learning(), keep)
        state = self._optimizer.state_dict()
        tensors = {
            f"{index}.{name}": tensor
            for index, values in state["state"].items()
            for name, tensor in values.items()
        }
        moments = _gathered(tensors, keep)
        if folder is None:
            return
        save_file(weights, folder / _NETWORK)
        save_file(moments, folder / _OPTIMIZER)
        progress = {
            "stage": self._stage,
            "step": self._step,
            "scheduler": self._scheduler.state_dict(),
            "param_groups": state["param_groups"],
        }
        (folder / _PROGRESS).write_text(json.dumps(progress, indent=2))

    def resume(self, folder: Path) -> None:
        """Goes on from a folder that ``save`` wrote; call it before ``steps``.

        Raises:
            StoreError: a file is damaged; the message names it.
        """
        progress = _progress(folder / _PROGRESS)
        if progress["stage"] != self._stage:  # workers can be joined for a stage once only
            self._enter(progress["stage"])
        self._step = int(progress["step"])
        learning = self._learning()
        weights = _tensors(folder / _NETWORK)
        assert weights.keys() == learning.keys(), folder
        with torch.no_grad():
            for name, weight in weights.items():
                learning[name].copy_(share_of(weight, learning[name]))
        _load_optimizer(self._optimizer, folder / _OPTIMIZER, progress["param_groups"])
        self._scheduler.load_state_dict(progress["scheduler"])

    def _enter(self, stage: int) -> None:
        enter_stage(self.model, stage, self._settings)
        self._wrapped = self._wrap(self.model, stage)
        rates = stage_settings(self._settings, stage)
        self._stage, self._step = stage, 0
        self._total = rates.epochs * self._steps_per_epoch()
        self._optimizer = make_optimizer(self.model, stage, rates)
        self._scheduler = make_scheduler(self._optimizer, self._total)

    def _rest_of_stage(self) -> Iterator[Step]:
        settings = self._settings
        batcher = Batcher(self.model, fixed_cards=not settings.resample_exam)
        while self._step < self._total:
            batches = batcher.batches(self._groups(), settings.groups_per_step)
            metrics = train_step(
                self._wrapped, batches, settings.loss, self._optimizer, self._scheduler
            )
            self._step += 1
            yield Step(self._stage, self._step, self._total, metrics)

    def _groups_per_epoch(self) -> int:
        return self._settings.groups_per_epoch or sum(map(len, self._kinds))

    def _groups_per_step(self) -> int:
        """Groups of one worker in one step of the optimiser."""
        return self._settings.groups_per_step * self._settings.accumulate

    def _steps_per_epoch(self) -> int:
        return math.ceil(self._groups_per_epoch() / (self._groups_per_step() * self._worker.world))

    def _steps_of(self, stages: Sequence[int]) -> int:
        epochs = sum(stage_settings(self._settings, stage).epochs for stage in stages)
        return epochs * self._steps_per_epoch()

    def _groups(self) -> list[Group]:
        """This worker's groups of the next step; an epoch's last step fills up from its start."""
        epoch, step = divmod(self._step, self._steps_per_epoch())
        if (self._stage, epoch) != self._drawn:
            self._drawn = (self._stage, epoch)
            seed = f"{self._settings.seed}/{self._stage}/{epoch}"
            self._epoch = draw_groups(self._kinds, self._groups_per_epoch(), seed)
        size = self._groups_per_step()
        first = (step * self._worker.world + self._worker.rank) * size
        groups = [self._epoch[index % len(self._epoch)] for index in range(first, first + size)]
        return self._resat(groups) if self._settings.resample_exam else groups

    def _resat(self, groups: Sequence[Group]) -> list[Group]:
        """The groups with one new sitting of each candidate's exam, the same for all workers."""
        seed = f"{self._settings.seed}/{self._stage}/{self._step}"
        cards = {row.card.model_id: row.card for group in groups for row in group}
        sat = {name: resit(card, f"{seed}/{name}") for name, card in cards.items()}
        return [
            tuple(row._replace(card=sat[row.card.model_id]) for row in group) for group in groups
        ]

    def _learning(self) -> dict[str, nn.Parameter]:
        return {name: w for name, w in self.model.named_parameters() if w.requires_grad}


def _gathered(tensors: Mapping[str, Tensor], keep: bool) -> dict[str, Tensor]:
    """The whole tensors on the CPU; none unless they are kept, so that they never pile up."""
    kept = {}
    for name, tensor in tensors.items():
        full = whole(tensor.detach())
        if keep:
            kept[name] = full.cpu().contiguous()
    return kept


def _progress(file: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise StoreError(f"{file}: cannot be read: {error}") from error
    return found


def _tensors(file: Path) -> dict[str, Tensor]:
    try:
        found: dict[str, Tensor] = load_file(file)
    except (OSError, SafetensorError) as error:
        raise StoreError(f"{file}: cannot be read: {error}") from error
    return found


def _load_optimizer(optimizer: AdamW, file: Path, param_groups: list[dict[str, Any]]) -> None:
    learning = [weight for group in optimizer.param_groups for weight in group["params"]]
    state: dict[int, dict[str, Tensor]] = defaultdict(dict)
    for key, tensor in _tensors(file).items():
        index, _, name = key.partition(".")
        weight = learning[int(index)]
        whole_moment = tensor.shape == weight.shape  # else it counts steps
        state[int(index)][name] = share_of(tensor, weight) if whole_moment else tensor
    optimizer.load_state_dict({"state": dict(state), "param_groups": param_groups})
