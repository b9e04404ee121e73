"""Tuning on Ray Train: the only module of the tuner that knows the cluster.

Owns the run's folder in the store, the loop on each worker, and the driver. Run folder:

    tuning/RUN/data/        outcomes and questions as Parquet, cards as JSON
    tuning/RUN/checkpoint*  states of the course, and Ray Train's own list of them
    tuning/RUN/tensorboard/ metrics, if ``tuning.track_with`` says so

RUN is the selector's name and a hash of data and settings. So the same call again goes on from
the last checkpoint, and a call with anything else never meets it. What a step does is ``course``'s
and ``steps``' business, how weights are sharded is ``sharding``'s.
"""

import hashlib
import json
import logging
import os
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import ray
import ray.train
import ray.train.torch
import torch
from torch import nn

from actors.candidate.fitting import Claim
from actors.candidate.raised import as_raised
from actors.examiner.card import CapabilityCard
from actors.selector import checkpoint
from actors.selector.item_response import ItemResponse, pool_of
from actors.selector.network import ModelSat, create
from actors.selector.scoring import Selector
from actors.tuner.calibration import fit_calibration
from actors.tuner.course import Course, Step, Worker
from actors.tuner.groups import groups_of
from actors.tuner.item_response import ItemResponseLearner
from actors.tuner.samples import Record, Samples, read_samples, train_matrix
from actors.tuner.sharding import copy_weights, shard
from actors.tuner.steps import Prediction, figures, log_odds_and_marks, predict
from actors.tuner.tracking import Tracker, check_packages, start_trackers
from actors.tuner.watching import watched
from cluster import progress
from cluster.errors import TableError
from cluster.settings import ItemResponseSettings, SelectorSettings, Settings, TuningSettings
from cluster.store import Store
from cluster.tables import OUTCOMES, conform

logger = logging.getLogger(__name__)

MAX_FAILURES = 2  # times that a run takes itself up again after a lost worker
_UNTUNED = "untuned.json"  # figures before the first step, kept in every checkpoint


def tune(
    settings: Settings,
    zoo_name: str,
    cards: Sequence[CapabilityCard],
    questions: pa.Table,
    outcomes: pa.Table,
    store: Store,
) -> dict[str, Any]:
    """Tunes a selector and puts it into the store as ``selectors/NAME``.

    Returns:
        What ``selector.json`` says it was tuned on: among it ``tuned``, the figures of held-out
        questions. Of MODEL-SAT also ``untuned``, those before, and ``calibration``, slope and bias
        that turn the tuned network's log-odds into frequencies (null where held-out outcomes are
        all alike); the fast selector is nothing before, and calibrated as it is.

    Raises:
        SettingsError: the package of a tracker is not installed.
        TableError: as ``read_samples`` and ``groups_of``; or no outcome is of a held-out question;
            or the cards are of different aptitude tests.
    """
    tuning = settings.tuning
    check_packages(tuning.track_with)  # errors before any work
    samples = read_samples(outcomes, questions, cards, tuning.held_out, tuning.refinement)
    if not samples.held_out:
        raise TableError(
            "outcomes: none is of a question that is held out to measure with; key "
            f"'tuning.held_out', which is {tuning.held_out}, must be greater, or questions more"
        )
    groups_of(samples.train, tuning)
    tuned_on = {
        "zoo": zoo_name,
        "candidates": sorted(set(outcomes["model_id"].to_pylist())),
        "test": _one_test(cards),
    }
    run = run_name(settings, tuned_on, cards, questions, outcomes)
    store.write_table(f"tuning/{run}/data/questions.parquet", questions)
    store.write_table(f"tuning/{run}/data/outcomes.parquet", outcomes)
    store.write_json(f"tuning/{run}/data/cards.json", [card.model_dump() for card in cards])
    config = {
        "store": store.url,
        "run": run,
        "settings": settings.model_dump(),
        "tuned_on": tuned_on | {"run": run},
    }
    if isinstance(settings.selector, ItemResponseSettings):
        return _tune_item_response(config, tuning)
    run_config = ray.train.RunConfig(
        name=run,
        storage_path=store.url_of("tuning"),
        failure_config=ray.train.FailureConfig(max_failures=MAX_FAILURES),
        checkpoint_config=ray.train.CheckpointConfig(num_to_keep=2),
    )
    with watched(run) as steps:
        trainer = ray.train.torch.TorchTrainer(
            train_loop_per_worker,
            train_loop_config=config | {"steps": steps},
            scaling_config=_scaling(settings.tuning),
            run_config=run_config,
        )
        # Workers stay where they are: paths in the settings may be relative.
        os.environ.setdefault("RAY_CHDIR_TO_TRIAL_DIR", "0")
        with as_raised():
            result: dict[str, Any] = trainer.fit().return_value
    return result


def claim(settings: Settings) -> Claim:
    """What tuning takes of a cluster."""
    alone = isinstance(settings.selector, ItemResponseSettings)
    needs = _worker(settings.tuning)
    return Claim("tuning", [needs], 1 if alone else settings.tuning.workers)


def _worker(tuning: TuningSettings) -> dict[str, float]:
    return {"CPU": tuning.cpus_per_worker, "GPU": int(tuning.use_gpu)}


def _tune_item_response(config: dict[str, Any], tuning: TuningSettings) -> dict[str, Any]:
    """Tunes a fast selector: one task, since all it takes is a pass over the instructions."""
    task = ray.remote(num_cpus=tuning.cpus_per_worker, num_gpus=int(tuning.use_gpu))(_item_response)
    with progress.line(config["run"]), as_raised():
        tuned_on: dict[str, Any] = ray.get(task.remote(config))
    return tuned_on


def _item_response(config: dict[str, Any]) -> dict[str, Any]:
    store, settings = Store(config["store"]), Settings.model_validate(config["settings"])
    assert isinstance(settings.selector, ItemResponseSettings), settings.selector
    torch.set_num_threads(settings.tuning.cpus_per_worker)
    data = f"tuning/{config['run']}/data"
    train = train_matrix(
        store.read_table(f"{data}/outcomes.parquet"),
        store.read_table(f"{data}/questions.parquet"),
        settings.tuning.held_out,
        settings.tuning.refinement,
    )
    samples = _read_data(store, config["run"], settings)
    pool = pool_of(settings.selector, store, "cuda" if settings.tuning.use_gpu else "cpu")
    cards = _cards(store, data)
    model = ItemResponseLearner(pool, settings.selector, settings.tuning.seed).fit(train, cards)
    tuned_on: dict[str, Any] = config["tuned_on"] | {
        "tuned": figures(predict(model, samples.held_out))
    }
    _put_selector(model, store, settings.selector_name, tuned_on)
    return tuned_on


def _scaling(tuning: TuningSettings) -> ray.train.ScalingConfig:
    return ray.train.ScalingConfig(
        num_workers=tuning.workers,
        use_gpu=tuning.use_gpu,
        resources_per_worker=_worker(tuning),
    )


def train_loop_per_worker(config: dict[str, Any]) -> dict[str, Any]:
    """What each worker does: the course from start or last checkpoint to the selector's folder."""
    store, settings = Store(config["store"]), Settings.model_validate(config["settings"])
    torch.set_num_threads(settings.tuning.cpus_per_worker)
    samples = _read_data(store, config["run"], settings)
    context = ray.train.get_context()
    worker = Worker(context.get_world_rank(), context.get_world_size())
    model = _create(settings, store)
    last = ray.train.get_checkpoint()
    # Before the course may shard the network.
    untuned = _untuned(last) if last else figures(_predictions(model, samples.held_out, worker))
    join = partial(_joined, strategy=settings.tuning.strategy, worker=worker)
    course = Course(model, samples.train, settings.tuning, worker, join)
    if last:
        with last.as_directory() as folder:
            course.resume(Path(folder))
    trackers = _trackers(settings, store, config["run"], worker)
    for step in course.steps():
        if worker.rank == 0:
            config["steps"].at.remote(course.done, course.total)
        _after(step, course, untuned, settings.tuning, worker, trackers)
    model = _unsharded(course.model, settings, store)
    predictions = _predictions(model, samples.held_out, worker)
    calibration = fit_calibration(*log_odds_and_marks(predictions))
    tuned = figures(predictions, calibration)
    for tracker in trackers:
        tracker.log({f"held_out/{name}": value for name, value in tuned.items()}, course.done)
        tracker.close()
    tuned_on: dict[str, Any] = config["tuned_on"] | {
        "untuned": untuned,
        "tuned": tuned,
        "calibration": calibration and calibration._asdict(),
    }
    if worker.rank == 0:
        _put_selector(model, store, settings.selector_name, tuned_on)
    return tuned_on


def _create(settings: Settings, store: Store) -> ModelSat:
    assert isinstance(settings.selector, SelectorSettings), settings.selector
    model = create(settings.selector, store, settings.tuning.seed)
    return model.to(ray.train.torch.get_device())


def _joined(model: ModelSat, stage: int, strategy: str, worker: Worker) -> nn.Module:
    """The model with the workers' gradients joined; alone it stays as it is."""
    if strategy == "fsdp" and stage == 2 and worker.world > 1:
        shard(model)  # in stage 1 hardly anything has gradients, and cards are encoded once
        return model
    # In stage 2 encoders may hold weights that psi does not use, such as a pooler.
    joined: nn.Module = ray.train.torch.prepare_model(
        model,
        parallel_strategy_kwargs={
            "find_unused_parameters": stage == 2,
            "broadcast_buffers": False,
        },
    )
    return joined


def _unsharded(model: ModelSat, settings: Settings, store: Store) -> ModelSat:
    """The model itself, or where its weights are sharded a whole one with them."""
    if settings.tuning.strategy == "ddp":
        return model
    whole = _create(settings, store)
    copy_weights(model, whole)
    return whole


def _untuned(last: ray.train.Checkpoint) -> dict[str, float]:
    """The figures of the untuned network, which every checkpoint keeps."""
    with last.as_directory() as folder:
        untuned: dict[str, float] = json.loads((Path(folder) / _UNTUNED).read_text())
    return untuned


def _trackers(settings: Settings, store: Store, run: str, worker: Worker) -> list[Tracker]:
    names = settings.tuning.track_with if worker.rank == 0 else ()
    return start_trackers(names, store, run, settings.tuning.model_dump())


def _after(
    step: Step,
    course: Course,
    untuned: dict[str, float],
    settings: TuningSettings,
    worker: Worker,
    trackers: Sequence[Tracker],
) -> None:
    """What follows a step: metrics, and a checkpoint now and then and after each stage."""
    for tracker in trackers:
        tracker.log({"stage": step.stage, **step.metrics}, course.done)
    if step.step % settings.checkpoint_every == 0 or step.step == step.of:
        _report(course, step, untuned, worker)
        for tracker in trackers:
            tracker.flush()


def _report(course: Course, step: Step, untuned: dict[str, float], worker: Worker) -> None:
    metrics = {"stage": step.stage, "step": step.step, **step.metrics}
    if worker.rank != 0:
        course.save(None)
        ray.train.report(metrics)
        return
    logger.info("stage %d, step %d/%d, loss %.4f", *step[:3], step.metrics["loss"])
    with tempfile.TemporaryDirectory() as folder:
        course.save(Path(folder))
        (Path(folder) / _UNTUNED).write_text(json.dumps(untuned))
        ray.train.report(metrics, checkpoint=ray.train.Checkpoint.from_directory(folder))


def _predictions(model: ModelSat, records: Sequence[Record], worker: Worker) -> list[Prediction]:
    """Predictions for all held-out outcomes; each worker makes those of its share of the texts."""
    rank, count = worker
    texts = sorted({text for _, right, wrong in records for text in [*right, *wrong]})
    mine = set(texts[rank::count])

    def shared(texts: Sequence[str]) -> list[str]:
        return [text for text in texts if text in mine]

    share = [Record(card, shared(right), shared(wrong)) for card, right, wrong in records]
    predictions = predict(Selector(model), share)
    if count == 1:
        return predictions
    gathered: list[Any] = [None] * count
    torch.distributed.all_gather_object(gathered, predictions)
    return [prediction for part in gathered for prediction in part]


def _put_selector(
    model: ModelSat | ItemResponse, store: Store, name: str, tuned_on: dict[str, Any]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        checkpoint.save(model, Path(folder) / name, tuned_on)
        store.put_folder(f"selectors/{name}", Path(folder) / name)


def _read_data(store: Store, run: str, settings: Settings) -> Samples:
    data = f"tuning/{run}/data"
    return read_samples(
        store.read_table(f"{data}/outcomes.parquet"),
        store.read_table(f"{data}/questions.parquet"),
        _cards(store, data),
        settings.tuning.held_out,
        settings.tuning.refinement,
    )


def _cards(store: Store, data: str) -> list[CapabilityCard]:
    return [CapabilityCard.model_validate(card) for card in store.read_json(f"{data}/cards.json")]


def _one_test(cards: Sequence[CapabilityCard]) -> str:
    tests = sorted({card.test for card in cards})
    if len(tests) != 1:
        raise TableError(f"cards: all must be of one aptitude test; found {', '.join(tests)}")
    return tests[0]


def run_name(
    settings: Settings,
    tuned_on: dict[str, Any],
    cards: Sequence[CapabilityCard],
    questions: pa.Table,
    outcomes: pa.Table,
) -> str:
    """The selector's name and a hash of all that decides what the run will come to."""
    digest = hashlib.sha256()
    for said in (
        settings.selector.model_dump_json(),
        settings.tuning.model_dump_json(),
        json.dumps(tuned_on),
        *(card.model_dump_json() for card in cards),
    ):
        digest.update(said.encode())
    for table in (
        questions.select(["question_id", "prompt", "options"]),
        conform(outcomes, OUTCOMES, "outcomes").select(
            ["model_id", "question_id", "score", "circle"]
        ),
    ):
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as stream:
            stream.write_table(table.combine_chunks())
        digest.update(sink.getvalue())
    return f"{settings.selector_name}-{digest.hexdigest()[:12]}"
