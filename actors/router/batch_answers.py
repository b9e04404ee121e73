"""Has a candidate answer what it was chosen for, part by part: ``routed/NAME/answers/ID``.

One Ray Data pipeline a candidate: read its rows of the parts one after the other, cut them into
full batches whatever part they are of, answer, and gather the answers of a part until it is whole
and can be written. Rows carry on the way:

    part, row, part_rows    which part, which of the candidate's rows in it, and how many those are

Answers come in any order, so several parts may be open at once; those of a gathering actor that
died are asked again, which is why a pipeline may run more than once.
"""

import logging
from collections.abc import Iterator, Mapping
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import ray
from ray.data import ActorPoolStrategy, Dataset, ExecutionResources

from actors.candidate.engine import BatchEngine, Sampling
from actors.candidate.side_by_side import engine_errors
from cluster import progress
from cluster.errors import EngineError
from cluster.settings import Settings
from cluster.store import Store
from cluster.tables import CHOICES

_PLACE = ("part", "row", "part_rows")
# What a pipeline may hold, however fast its reader is. Much smaller blocks would cost time.
_HELD_BYTES, _BLOCK_BYTES = 128 << 20, 4 << 20
# CPUs of steps that only move columns. Other than those of engines: Ray makes one step of two that
# ask for the same, and an engine's replicas would become the one actor that gathers.
_LIGHT = 0.2

log = logging.getLogger(__name__)


def answer_parts(
    base: str,
    model_id: str,
    engine: BatchEngine,
    parts: Mapping[str, int],
    settings: Settings,
    store: Store,
) -> None:
    """Answers the candidate's rows of ``parts`` (name: how many) that have no answers yet.

    Raises:
        EngineError: the engine cannot start, or its answers did not come back.
    """
    place = f"{base}/answers/{model_id}"
    left = _left(parts, place, store)
    while left:
        rows = sum(parts[part] for part in left)
        with engine_errors(model_id), progress.line(model_id, rows) as line:
            _run(_pipeline(base, model_id, engine, left, settings), line)
        before, left = left, _left(parts, place, store)
        if len(left) == len(before):
            raise EngineError(
                f"candidate '{model_id}': answers of {len(left)} parts did not come back, the "
                f"first: {left[0]}"
            )
        if left:
            log.warning("%s: %d parts were lost on the way; asked again", model_id, len(left))


def _left(parts: Mapping[str, int], place: str, store: Store) -> list[str]:
    there = set(store.names(place))
    return [part for part in parts if f"{part}.parquet" not in there]


def _pipeline(
    base: str, model_id: str, engine: BatchEngine, parts: list[str], settings: Settings
) -> Dataset:
    routing = settings.routing
    batches = full_batches(base, model_id, parts, routing.batch_size, settings.store)
    answered = engine.answer(batches, Sampling(max_tokens=routing.max_tokens))
    return answered.map_batches(
        Gather,
        fn_constructor_args=(settings.store, f"{base}/answers/{model_id}", model_id),
        batch_size=None,
        batch_format="pyarrow",
        compute=ActorPoolStrategy(size=1),
        num_cpus=_LIGHT,
    )


def full_batches(
    base: str, model_id: str, parts: list[str], batch_size: int, store_url: str
) -> Dataset:
    """A candidate's rows of SCORED parts, with their places, in blocks of ``batch_size`` rows.

    Engines' replicas share the blocks. Only the last block has fewer rows.
    """
    source = ray.data.from_items([{"part": part} for part in parts], override_num_blocks=1)
    source.context.target_max_block_size = _BLOCK_BYTES
    source.context.execution_options.resource_limits = ExecutionResources.for_limits(
        object_store_memory=_HELD_BYTES
    )
    read = partial(_rows, store_url=store_url, folder=f"{base}/scored", model_id=model_id)
    rows = source.map_batches(
        read, batch_size=len(parts), batch_format="pyarrow", num_cpus=_LIGHT
    ).repartition(target_num_rows_per_block=batch_size)
    # Ray makes one step of the two, which cuts across parts, if they ask for the same; otherwise
    # the latter takes a whole CPU. Its own function has no argument for that.
    rows._logical_plan.dag.ray_remote_args["num_cpus"] = _LIGHT
    return rows


def _run(pipeline: Dataset, line: progress.Line) -> None:
    for each in pipeline.iter_batches(batch_size=None, batch_format="pyarrow"):
        line.advance(pc.sum(each["answered"]).as_py())


def _rows(parts: pa.Table, store_url: str, folder: str, model_id: str) -> Iterator[pa.Table]:
    """The candidate's rows of SCORED parts, with their places."""
    store = Store(store_url)
    for part in parts["part"].to_pylist():
        chosen = pc.field("model_id") == model_id
        columns = ["instruction_id", "messages", "scores"]
        rows = store.read_table(f"{folder}/{part}.parquet", columns, chosen)
        count = rows.num_rows
        places = [pa.repeat(part, count), pa.array(np.arange(count)), pa.repeat(count, count)]
        for name, place in zip(_PLACE, places, strict=True):
            rows = rows.append_column(name, place)
        yield rows


class Gather:
    """Holds answers until all of a part are there, and writes it."""

    def __init__(self, store_url: str, folder: str, model_id: str) -> None:
        self.store, self.folder, self.model_id = Store(store_url), folder, model_id
        self.open: dict[str, list[pa.Table]] = {}

    def __call__(self, answers: pa.Table) -> pa.Table:
        """From the answers of any rows to how many they are."""
        for part in pc.unique(answers["part"]).to_pylist():
            self._add(part, answers.filter(pc.equal(answers["part"], part)))
        return pa.table({"answered": [answers.num_rows]})

    def _add(self, part: str, answers: pa.Table) -> None:
        held = self.open.setdefault(part, [])
        held.append(answers)
        if sum(table.num_rows for table in held) < answers["part_rows"][0].as_py():
            return
        whole = _once(pa.concat_tables(held))
        if whole.num_rows == answers["part_rows"][0].as_py():
            chosen = whole.append_column("model_id", pa.repeat(self.model_id, whole.num_rows))
            choices = chosen.select(CHOICES.names).cast(CHOICES)
            self.store.write_table(f"{self.folder}/{part}.parquet", choices)
            del self.open[part]


def _once(answers: pa.Table) -> pa.Table:
    """In order, and each row once: what Ray has done again after a failure may come again."""
    _, first = np.unique(answers["row"].to_numpy(), return_index=True)
    return answers.take(pa.array(first))
