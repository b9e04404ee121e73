"""Scores a data set of instructions part by part, and chooses who answers: ``routed/NAME/scored``.

One actor reads the parts in turn, several score them and write; the driver passes references on,
and never more than a few at once. Within a part's file each candidate's rows are one row group, so
that who answers them reads no others. An instruction that cannot be scored, for it has no text,
goes straight to ``answers/-`` with the error.
"""

from functools import cached_property
from itertools import cycle, islice
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import ray
from numpy.typing import NDArray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from actors.candidate.fitting import Claim
from actors.candidate.raised import as_raised
from actors.router.instructions import checked, parts
from actors.router.manifest import selector_resources
from actors.router.rules import Rules
from cluster import progress
from cluster.errors import UserError
from cluster.settings import RouterSettings, Settings
from cluster.store import Store
from cluster.tables import CHOICES, MESSAGE, SCORE, absolute

if TYPE_CHECKING:
    from actors.selector.stored import StoredSelector

# Part: candidate: how many of the part's instructions it shall answer.
Counts: TypeAlias = dict[str, dict[str, int]]

UNSCORED = "-"  # in place of a candidate's id, none of which is like that
SCORED = pa.schema(
    [
        pa.field("instruction_id", pa.string(), False),
        pa.field("messages", pa.list_(MESSAGE), False),
        pa.field("scores", pa.list_(SCORE), False),
        pa.field("model_id", pa.string(), False),
    ]
)
_AHEAD = 2  # parts a scorer has before it, so that it never waits for the reader
_LASTING = {"max_restarts": -1, "max_task_retries": -1}


def scorers(router: RouterSettings) -> Claim:
    """What scoring takes of a cluster."""
    return Claim("the selector", [selector_resources(router)], router.selector_replicas)


def score_parts(
    base: str, asked: dict[str, object], rules: Rules, settings: Settings, store: Store
) -> Counts:
    """Scores the parts that are not there yet; returns who shall answer how many of each.

    ``asked`` is written once the instructions are found to be sound. Raises as ``route``.
    """
    source = absolute(str(settings.routing.instructions))  # workers run in other folders
    rows = settings.routing.part_rows
    reader = ray.remote(_Reader).options(**_LASTING, **_place(source)).remote(source, rows)
    with as_raised():
        count = ray.get(reader.count.remote())
    store.write_json(f"{base}/asked.json", asked)
    there = set(store.names(f"{base}/scored"))
    names = [f"{number:08d}" for number in range(-(-count // rows))]
    counts = {
        name: _counts(store.read_table(_file(base, name), ["model_id"]))
        for name in names
        if f"{name}.parquet" in there
    }
    with as_raised():
        counts |= _score(
            [name for name in names if name not in counts], base, reader, rules, settings
        )
    return dict(sorted(counts.items()))


def _score(todo: list[str], base: str, reader: Any, rules: Rules, settings: Settings) -> Counts:
    router = settings.router
    actor = ray.remote(_Scorer).options(num_cpus=1, num_gpus=router.selector_gpus, **_LASTING)
    actors = [actor.remote(base, rules, settings) for _ in range(router.selector_replicas)]
    turns = zip(todo, cycle(actors))
    counts: Counts = {}
    with progress.line("score parts", len(todo)) as line:
        running = [_begin(*turn, reader) for turn in islice(turns, _AHEAD * len(actors))]
        while running:
            done, running = ray.wait(running)
            counts |= dict(ray.get(done))
            line.advance(len(done))
            running += [_begin(*turn, reader) for turn in islice(turns, len(done))]
    return counts


def _begin(name: str, scorer: Any, reader: Any) -> Any:
    return scorer.score.remote(name, reader.part.remote(int(name)))


def _file(base: str, part: str) -> str:
    return f"{base}/scored/{part}.parquet"


def _counts(scored: pa.Table) -> dict[str, int]:
    found = pc.value_counts(scored["model_id"])
    return {row["values"]: row["counts"] for row in found.to_pylist()}


def _place(source: str) -> dict[str, Any]:
    """Files that have no URL are looked for where the driver runs."""
    if "://" in source:
        return {"num_cpus": 0}
    node = ray.get_runtime_context().get_node_id()
    return {"num_cpus": 0, "scheduling_strategy": NodeAffinitySchedulingStrategy(node, soft=True)}


class _Reader:
    """Reads the parts of a data set in order; asked for another one, it begins anew."""

    def __init__(self, source: str, rows: int) -> None:
        self.source, self.rows = source, rows
        self.coming = -1

    def count(self) -> int:
        return checked(self.source, self.rows)

    def part(self, number: int) -> pa.Table:
        """INSTRUCTIONS of that part."""
        if not 0 <= self.coming <= number:
            self.parts, self.coming = parts(self.source, self.rows), 0
        while self.coming < number:
            next(self.parts)
            self.coming += 1
        self.coming += 1
        return next(self.parts)


class _Scorer:
    """Scores parts, chooses, and writes them."""

    def __init__(self, base: str, rules: Rules, settings: Settings) -> None:
        self.base, self.rules, self.settings = base, rules, settings
        self.store = Store(settings.store)

    @cached_property
    def selector(self) -> "StoredSelector":
        # Here and not on top: torch is what only this actor needs. And not when it starts: what is
        # wrong with a selector shall be raised as it is.
        from actors.selector.stored import load_stored

        router = self.settings.router
        device = "cuda" if router.selector_gpus else "cpu"
        return load_stored(
            self.store, self.settings.selector_name, self.rules.candidates, device, router.filter
        )

    def score(self, name: str, part: pa.Table) -> tuple[str, dict[str, int]]:
        """Writes SCORED of INSTRUCTIONS; returns the part's name and who shall answer how many."""
        texts, errors = _texts(part)
        sound = pc.is_null(errors)
        if failed := part.num_rows - sound.true_count:
            unscored = _unscored(part.filter(pc.invert(sound)), errors.drop_null())
            self.store.write_table(f"{self.base}/answers/{UNSCORED}/{name}.parquet", unscored)
        if failed == part.num_rows:
            scored = SCORED.empty_table()
        else:
            scored = self._chosen(part.filter(sound), texts)
        groups = [scored.filter(pc.equal(scored["model_id"], id)) for id in _ids(scored)]
        self.store.write_table(_file(self.base, name), *(groups or [scored]))
        return name, _counts(scored)

    def _chosen(self, part: pa.Table, texts: list[str]) -> pa.Table:
        scores_NM = self._scores(texts)
        ids = [card.model_id for card in self.selector.cards]
        most = self.settings.routing.max_tokens
        choices = [
            self.rules.fitting(dict(zip(ids, row, strict=True)), text, most).candidate
            for text, row in zip(texts, scores_NM.tolist(), strict=True)
        ]
        columns = [part["instruction_id"], chats(part), _score_lists(ids, scores_NM), choices]
        return pa.table(dict(zip(SCORED.names, columns, strict=True))).cast(SCORED)

    def _scores(self, texts: list[str]) -> NDArray[np.float32]:
        scorer, cards = self.selector
        size = self.settings.routing.batch_size
        batches = [texts[start : start + size] for start in range(0, len(texts), size)]
        return np.concatenate([scorer.scores(batch, cards) for batch in batches])


def _ids(scored: pa.Table) -> list[str]:
    return sorted(pc.unique(scored["model_id"]).to_pylist())


def _texts(part: pa.Table) -> tuple[list[str], pa.Array]:
    """The texts of instructions, without those that have none; and for each row its error."""
    from actors.selector.instruction import instruction_text

    texts: list[str] = []
    errors: list[str | None] = []
    for prompt, messages in zip(
        part["prompt"].to_pylist(), part["messages"].to_pylist(), strict=True
    ):
        try:
            texts.append(prompt if messages is None else instruction_text(messages))
            errors.append(None)
        except UserError as error:
            errors.append(str(error))
    return texts, pa.array(errors, pa.string())


def chats(part: pa.Table) -> pa.Array:
    """Each instruction as messages; a prompt is the message of a user."""
    rows = part.num_rows
    said = pc.fill_null(part["prompt"], "").combine_chunks()
    prompts = pa.StructArray.from_arrays([pa.repeat("user", rows), said], fields=list(MESSAGE))
    alone = pa.ListArray.from_arrays(pa.array(range(rows + 1), pa.int32()), prompts)
    messages = part["messages"].combine_chunks()
    return pc.coalesce(messages, alone.cast(messages.type))


def _score_lists(ids: list[str], scores_NM: NDArray[np.float32]) -> pa.Array:
    rows, candidates = scores_NM.shape
    names = pa.array(ids).take(pa.array(np.tile(np.arange(candidates), rows)))
    values = pa.array(scores_NM.ravel().astype(np.float64))
    pairs = pa.StructArray.from_arrays([names, values], fields=list(SCORE))
    ends = pa.array(np.arange(rows + 1, dtype=np.int32) * candidates, pa.int32())
    return pa.ListArray.from_arrays(ends, pairs)


def _unscored(part: pa.Table, errors: pa.Array) -> pa.Table:
    """CHOICES of instructions that no candidate was chosen for."""
    rows = part.num_rows
    known = {
        "instruction_id": part["instruction_id"],
        "scores": pa.array([[]] * rows, CHOICES.field("scores").type),
        "error": errors,
    }
    columns = [known.get(field.name, pa.nulls(rows, field.type)) for field in CHOICES]
    return pa.table(columns, schema=CHOICES)
