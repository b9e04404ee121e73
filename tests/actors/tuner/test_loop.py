from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from actors.candidate.fitting import check_all_fit
from actors.selector import checkpoint
from actors.selector.scoring import AutoSelector
from actors.tuner.loop import claim, run_name, tune
from actors.tuner.samples import read_samples
from actors.tuner.steps import figures, predict
from cluster.errors import SettingsError, TableError
from cluster.settings import (
    ItemResponseSettings,
    SelectorSettings,
    Settings,
    StageSettings,
    TuningSettings,
)
from cluster.store import Store


@pytest.fixture
def settings(tiny_sources: Callable[..., SelectorSettings], tmp_path: Path) -> Settings:
    return Settings(
        store=str(tmp_path / "store"),
        zoo="toy.yaml",
        selector_name="toy",
        selector=tiny_sources(),
        tuning=TuningSettings(
            group_size=3,
            groups_per_epoch=12,
            stage1=StageSettings(epochs=1, lr=1e-2),
            stage2=StageSettings(epochs=1, lr=1e-3),
            checkpoint_every=2,
            workers=2,
            accumulate=2,
            track_with=("tensorboard",),
        ),
    )


def test_cards_of_different_tests_are_an_error(settings: Settings, world: Any) -> None:
    cards = [*world.cards[:2], world.cards[2].model_copy(update={"test": "other"})]
    with pytest.raises(TableError, match="one aptitude test; found other, toy"):
        tune(settings, "toy", cards, world.questions, world.outcomes, Store(settings.store))


def test_nothing_held_out_is_an_error(settings: Settings, world: Any) -> None:
    tuning = settings.tuning.model_copy(update={"held_out": 1e-9})
    settings = settings.model_copy(update={"tuning": tuning})
    with pytest.raises(TableError, match=r"'tuning\.held_out', which is 1e-09, must be greater"):
        tune(settings, "toy", world.cards, world.questions, world.outcomes, Store(settings.store))


def test_tuning_that_does_not_fit_is_said(settings: Settings) -> None:
    check_all_fit([claim(settings)], [{"CPU": 2}])
    with pytest.raises(SettingsError, match="tuning lacks CPU: 2 of it need 2, the cluster has 1"):
        check_all_fit([claim(settings)], [{"CPU": 1}])
    fast = Settings.model_validate(
        {
            **settings.model_dump(),
            "selector": {"kind": "item-response", "encoder": settings.selector.encoder},
            "tuning": {"workers": 2, "use_gpu": True},
        }
    )
    check_all_fit([claim(fast)], [{"CPU": 1, "GPU": 1}])
    with pytest.raises(SettingsError, match="tuning lacks GPU: it needs 1, the cluster has 0"):
        check_all_fit([claim(fast)], [{"CPU": 2}])


def test_other_data_or_settings_are_another_run(settings: Settings, world: Any) -> None:
    about = {"zoo": "toy"}
    name = run_name(settings, about, world.cards, world.questions, world.outcomes)
    assert name == run_name(settings, about, world.cards, world.questions, world.outcomes)
    assert name.startswith("toy-")
    slower = settings.model_copy(
        update={"tuning": settings.tuning.model_copy(update={"groups_per_step": 1})}
    )
    others = [
        run_name(slower, about, world.cards, world.questions, world.outcomes),
        run_name(settings, about, world.cards[:2], world.questions, world.outcomes),
        run_name(settings, about, world.cards, world.questions.slice(1), world.outcomes),
        run_name(settings, about, world.cards, world.questions, world.outcomes.slice(1)),
    ]
    assert len({name, *others}) == 5


@pytest.mark.slow
@pytest.mark.parametrize("any_store", ["s3"], indirect=True)  # a folder: below, and in manifests/
def test_two_workers_tune_a_selector_into_the_store(
    settings: Settings, world: Any, any_store: Store, ray_cluster: None
) -> None:
    store = any_store
    settings = settings.model_copy(update={"store": store.url})
    said = tune(settings, "toy", world.cards, world.questions, world.outcomes, store)
    folder = store.local_folder("selectors/toy")
    assert checkpoint.about(folder)["tuned_on"] == said
    assert said["candidates"] == ["m0", "m1", "m2"]
    measured = {"auc", "auc_pooled", "loss", "ece", "outcomes"}
    assert said["untuned"].keys() == said["tuned"].keys() == measured
    assert said["calibration"].keys() == {"slope", "bias"}
    assert said["untuned"] != said["tuned"]
    served = AutoSelector.from_pretrained(folder)
    held_out = read_samples(world.outcomes, world.questions, world.cards, 0.2).held_out
    assert figures(predict(served, held_out))["ece"] == pytest.approx(
        said["tuned"]["ece"], abs=1e-4
    )

    # The same call again goes on from the last checkpoint: nothing is left to train.
    again = tune(settings, "toy", world.cards, world.questions, world.outcomes, store)
    assert again == said
    assert store.names("tuning") == [said["run"]]
    run = f"tuning/{said['run']}"
    assert sum(name.startswith("checkpoint_2") for name in store.names(run)) == 2
    sessions = [f"{run}/tensorboard/{name}" for name in store.names(f"{run}/tensorboard")]
    assert any(name.startswith("events") for session in sessions for name in store.names(session))
    assert store.read_table(f"{run}/data/outcomes.parquet").equals(world.outcomes)
    assert store.read_json(f"{run}/data/cards.json")[0]["model_id"] == "m0"


@pytest.mark.slow
def test_a_fast_selector_is_tuned_into_the_store(
    settings: Settings, world: Any, ray_cluster: None
) -> None:
    assert isinstance(settings.selector, SelectorSettings)
    fast = ItemResponseSettings(encoder=settings.selector.encoder, layers=[1, 2])
    store = Store(settings.store)
    settings = settings.model_copy(update={"selector": fast})
    said = tune(settings, "toy", world.cards, world.questions, world.outcomes, store)
    folder = store.local_folder("selectors/toy")
    assert checkpoint.about(folder)["kind"] == "item-response"
    assert checkpoint.about(folder)["tuned_on"] == said
    assert said["tuned"].keys() >= {"auc", "ece", "outcomes"}
    assert AutoSelector.from_pretrained(folder).scores(["Why?", "Who?"], world.cards).shape == (
        2,
        3,
    )
