from collections.abc import Callable
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from actors.selector.network import ModelSat, create
from actors.tuner.course import Course, Step, Worker
from actors.tuner.groups import draw_groups, groups_of
from actors.tuner.samples import Record, read_samples
from cluster.errors import SettingsError, StoreError
from cluster.settings import SelectorSettings, StageSettings, TuningSettings
from cluster.store import Store

TUNING = TuningSettings(
    group_size=3,
    groups_per_step=2,
    groups_per_epoch=6,
    stage1=StageSettings(epochs=2, lr=1e-2),
    stage2=StageSettings(epochs=2, lr=1e-3, lr_scale=5.0),
)


@pytest.fixture
def records(world: Any) -> list[Record]:
    return read_samples(world.outcomes, world.questions, world.cards, 0.2).train


@pytest.fixture
def fresh(tiny_sources: Callable[..., SelectorSettings], tmp_path: Path) -> Callable[[], ModelSat]:
    settings, store = tiny_sources(), Store(str(tmp_path / "store"))
    return lambda: create(settings, store, seed=0)


def test_stages_epochs_and_steps_in_their_order(
    fresh: Callable[[], ModelSat], records: list[Record]
) -> None:
    done = [step[:3] for step in Course(fresh(), records, TUNING).steps()]
    assert done == [(stage, step, 6) for stage in (1, 2) for step in range(1, 7)]


def test_a_stage_of_no_epochs_is_passed_over(
    fresh: Callable[[], ModelSat], records: list[Record]
) -> None:
    tuning = TUNING.model_copy(update={"stage1": StageSettings(epochs=0, lr=1.0)})
    assert {step.stage for step in Course(fresh(), records, tuning).steps()} == {2}


# Instructions and lines of cards are read once and kept.
KEPT = {"order": "instruction-first", "layers": 3, "capability_layer": 2, "capability": "tasks"}
FROZEN = {"loss": "anchored", "frozen_layers": 2, "tune_encoder": False}
EXTRAS = {"accumulate": 2, "groups_per_step": 1, "resample_exam": True, "rank_weight": 1.0}


@pytest.mark.parametrize(
    ("broken_off_after", "extras", "selector"),
    [
        *[(step, {}, {}) for step in (1, 4, 6, 7, 11, 12)],
        (4, EXTRAS, {}),
        (7, EXTRAS | {"loss": "both"}, {}),
        (2, FROZEN, KEPT),
        (7, FROZEN, KEPT),
        (7, FROZEN | {"resample_exam": True}, KEPT),
    ],
)
def test_a_resumed_course_ends_where_an_unbroken_one_does(
    tiny_sources: Callable[..., SelectorSettings],
    records: list[Record],
    tmp_path: Path,
    broken_off_after: int,
    extras: dict[str, Any],
    selector: dict[str, Any],
) -> None:
    tuning = TUNING.model_copy(update=extras)
    settings, store = tiny_sources(**selector), Store(str(tmp_path / "store"))

    def fresh() -> ModelSat:
        return create(settings, store, seed=0)

    whole = fresh()
    steps: list[Step] = list(Course(whole, records, tuning).steps())

    folder = tmp_path / "state"
    folder.mkdir()
    broken = Course(fresh(), records, tuning)
    for _ in islice(broken.steps(), broken_off_after):
        pass
    broken.save(folder)

    resumed = fresh()
    course = Course(resumed, records, tuning)
    course.resume(folder)
    assert course.done == broken_off_after
    assert list(course.steps()) == steps[broken_off_after:]
    for name, weight in whole.state_dict().items():
        assert torch.equal(weight, resumed.state_dict()[name]), name


def test_a_state_holds_no_pickle_and_in_stage_1_only_the_connector(
    fresh: Callable[[], ModelSat], records: list[Record], tmp_path: Path
) -> None:
    course = Course(fresh(), records, TUNING)
    next(course.steps())
    course.save(tmp_path)
    files = {file.name: file.stat().st_size for file in tmp_path.iterdir() if file.is_file()}
    assert files.keys() == {"progress.json", "network.safetensors", "optimizer.safetensors"}
    assert files["network.safetensors"] < 4 * 48 * 32 + 500


@pytest.mark.parametrize("name", ["progress.json", "network.safetensors", "optimizer.safetensors"])
def test_a_state_that_was_cut_off_is_named(
    fresh: Callable[[], ModelSat], records: list[Record], tmp_path: Path, name: str
) -> None:
    course = Course(fresh(), records, TUNING)
    next(course.steps())
    course.save(tmp_path)
    file = tmp_path / name
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(StoreError, match=rf"{name}: cannot be read"):
        Course(fresh(), records, TUNING).resume(tmp_path)


def test_a_selector_without_parts_of_its_own_begins_with_stage_2(
    tiny_sources: Callable[..., SelectorSettings], records: list[Record], tmp_path: Path
) -> None:
    model = create(tiny_sources(capability="words"), Store(str(tmp_path)), seed=0)
    with pytest.raises(SettingsError, match=r"stage1\.epochs': must be 0 .*; found 2"):
        Course(model, records, TUNING)
    stage1 = TUNING.stage1.model_copy(update={"epochs": 0})
    course = Course(model, records, TUNING.model_copy(update={"stage1": stage1}))
    steps = list(course.steps())
    assert {step.stage for step in steps} == {2}
    assert course.done == course.total == len(steps) > 0


@pytest.mark.parametrize(
    ("capability", "first_epochs", "broken_off_after", "entered"),
    [("text", 2, 7, [1, 2]), ("text", 2, 1, [1, 2]), ("words", 0, 1, [2])],
)
def test_a_resumed_course_enters_each_stage_once(
    tiny_sources: Callable[..., SelectorSettings],
    records: list[Record],
    tmp_path: Path,
    capability: str,
    first_epochs: int,
    broken_off_after: int,
    entered: list[int],
) -> None:
    stage1 = StageSettings(epochs=first_epochs, lr=1e-2)
    tuning = TUNING.model_copy(update={"stage1": stage1})

    def fresh() -> ModelSat:
        return create(tiny_sources(capability=capability), Store(str(tmp_path)), seed=0)

    broken = Course(fresh(), records, tuning)
    for _ in islice(broken.steps(), broken_off_after):
        pass
    broken.save(tmp_path)
    stages: list[int] = []

    def noted(model: ModelSat, stage: int) -> ModelSat:
        stages.append(stage)
        return model

    course = Course(fresh(), records, tuning, wrap=noted)
    course.resume(tmp_path)
    assert course.done == broken_off_after
    assert len(list(course.steps())) == course.total - broken_off_after
    assert stages == entered


class Recorder(nn.Module):
    """Stands for what joins workers; notes the rows that pass."""

    def __init__(self, model: ModelSat, seen: list[list[int]]) -> None:
        super().__init__()
        self.model, self.seen = model, seen

    def forward(
        self, cards: Any, card_B: list[int], ids: list[list[int]], ids_B: list[int]
    ) -> torch.Tensor:
        self.seen += [ids[place] for place in ids_B]
        found: torch.Tensor = self.model(cards, card_B, ids, ids_B)
        return found


def test_workers_share_an_epoch_without_overlap(
    fresh: Callable[[], ModelSat], records: list[Record]
) -> None:
    update = {"groups_per_epoch": 8, "stage2": StageSettings(epochs=0, lr=1.0)}
    tuning = TUNING.model_copy(update=update | {"stage1": StageSettings(epochs=1, lr=1e-2)})
    model = fresh()
    seen: list[list[int]] = []
    for rank in range(2):
        course = Course(
            model, records, tuning, Worker(rank, 2), lambda whole, stage: Recorder(whole, seen)
        )
        assert len(list(course.steps())) == 2
    epoch = draw_groups(groups_of(records, tuning), 8, "0/1/0")
    expected = [model.inquiry.ids(row.instruction) for group in epoch for row in group]
    assert sorted(seen) == sorted(expected)


def test_accumulated_passes_make_fewer_steps(
    fresh: Callable[[], ModelSat], records: list[Record]
) -> None:
    tuning = TUNING.model_copy(update={"accumulate": 3})
    seen: list[list[int]] = []
    course = Course(fresh(), records, tuning, wrap=lambda whole, stage: Recorder(whole, seen))
    assert next(course.steps())[:3] == (1, 1, 2)
    assert len(seen) == 3 * 2 * 3  # three passes of two groups of three rows


class CardReader(nn.Module):
    """Stands for what joins workers; notes the texts of the cards in each pass."""

    def __init__(self, model: ModelSat, stage: int, seen: list[set[str]]) -> None:
        super().__init__()
        self.model, self.seen = model, seen

    def forward(self, cards: Any, *rows: Any) -> torch.Tensor:
        self.seen.append({"\n".join(card.texts) for card in cards})
        found: torch.Tensor = self.model(cards, *rows)
        return found


def test_workers_see_the_same_sitting_and_each_step_another(
    fresh: Callable[[], ModelSat], records: list[Record]
) -> None:
    update = {"resample_exam": True, "loss": "likelihood"}
    tuning = TUNING.model_copy(update=update | {"stage1": StageSettings(epochs=0, lr=1.0)})
    model = fresh()
    seen: list[list[set[str]]] = [[], []]
    for rank, read in enumerate(seen):
        course = Course(model, records, tuning, Worker(rank, 2), partial(CardReader, seen=read))
        list(islice(course.steps(), 2))
    assert seen[0] == seen[1]
    first, second = seen[0]
    assert len(first) == len(second) == len(records)
    assert not first & second
