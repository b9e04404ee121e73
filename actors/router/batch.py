"""Routes a whole data set of instructions on Ray Data: score, choose, answer, write.

Rows are grouped by the candidate that was chosen, so that each engine gets full batches and only
one candidate's weights are loaded at a time. A part that is written is not computed again.

    routed/NAME/scored/         every instruction, its scores and its candidate
    routed/NAME/scored.json     what was scored by what; written once scored/ is whole
    routed/NAME/answers/ID/     the CHOICES rows of one candidate
    routed/NAME/answers/ID.json how many they are; written once answers/ID/ is whole
    routed/NAME/complete.json   the count of every candidate; written last
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import ray
from ray.data import ActorPoolStrategy, Dataset, SaveMode

from actors.candidate.batch import batch_engine
from actors.candidate.engine import BatchEngine, Sampling
from actors.examiner.records import load_cards
from actors.router.policy import best_quality
from actors.selector.checkpoint import tuned_test
from actors.selector.instruction import instruction_text
from actors.selector.scoring import Selector
from cluster.errors import SettingsError
from cluster.settings import Settings
from cluster.store import MARKER, Store
from cluster.tables import CHOICES, MESSAGE, SCORE, check_instructions, read_table
from cluster.zoo import Zoo

SCORED = pa.schema(
    [
        pa.field("instruction_id", pa.string(), False),
        pa.field("messages", pa.list_(MESSAGE), False),
        pa.field("scores", pa.list_(SCORE), False),
        pa.field("model_id", pa.string(), False),
    ]
)


def route(zoo: Zoo, settings: Settings, store: Store) -> dict[str, int]:
    """Answers ``settings.routing.instructions``; returns how many each candidate answered.

    Raises:
        SettingsError: no instructions are named, or the output folder holds another data set.
        TableError: the instructions break a rule of their table.
        StoreError: the selector, a card or a model folder is not in the store.
    """
    routing = settings.routing
    if routing.instructions is None:
        raise SettingsError("key 'routing.instructions': is needed to route a data set")
    base = f"routed/{routing.output}"
    engines = {
        candidate.id: batch_engine(candidate, store, routing.batch_size)
        for candidate in zoo.candidates
    }
    _score_once(base, zoo, settings, store)
    sampling = Sampling(max_tokens=routing.max_tokens)
    counts = {
        model_id: _answer_once(base, model_id, engine, sampling, store)
        for model_id, engine in engines.items()
    }
    store.write_json(f"{base}/{MARKER}", counts)
    return counts


def _answer_once(
    base: str, model_id: str, engine: BatchEngine, sampling: Sampling, store: Store
) -> int:
    place = f"{base}/answers/{model_id}"
    if not store.exists(f"{place}.json"):
        chosen = _read(f"{base}/scored", store).filter(expr=f"model_id == {model_id!r}")
        rows = chosen.count()
        if rows:  # else no engine needs to start
            answered = engine.answer(chosen, sampling)
            _write(answered.map_batches(_choices, batch_format="pyarrow"), place, store)
        store.write_json(f"{place}.json", {"rows": rows})
    return int(store.read_json(f"{place}.json")["rows"])


def _score_once(base: str, zoo: Zoo, settings: Settings, store: Store) -> None:
    asked = {
        "instructions": settings.routing.instructions,
        "selector": settings.selector_name,
        "candidates": sorted(zoo.ids()),
    }
    if store.exists(f"{base}/scored.json"):
        found = store.read_json(f"{base}/scored.json")
        if found != asked:
            raise SettingsError(
                f"key 'routing.output': {store.url_of(base)} holds {found}, not {asked}; "
                "name another folder"
            )
        return
    source, gpus = str(settings.routing.instructions), settings.router.selector_gpus
    instructions = check_instructions(read_table(source), source)
    scored = ray.data.from_arrow(instructions).map_batches(
        _Score,
        fn_constructor_args=(
            store.url,
            settings.selector_name,
            zoo.ids(),
            "cuda" if gpus else "cpu",
        ),
        num_gpus=gpus,
        compute=ActorPoolStrategy(size=settings.router.selector_replicas),
        batch_format="pyarrow",
        batch_size=settings.routing.batch_size,
    )
    _write(scored, f"{base}/scored", store)
    store.write_json(f"{base}/scored.json", asked)


class _Score:
    """Scores batches of INSTRUCTIONS and chooses: gives SCORED."""

    def __init__(
        self, store_url: str, selector_name: str, model_ids: Sequence[str], device: str
    ) -> None:
        store = Store(store_url)
        folder = store.local_folder(f"selectors/{selector_name}")
        self.selector = Selector.from_pretrained(folder, device)
        self.cards = load_cards(store, tuned_test(folder), model_ids)

    def __call__(self, instructions: pa.Table) -> pa.Table:
        messages = [_messages(row) for row in instructions.to_pylist()]
        scored = self.selector.scores([instruction_text(row) for row in messages], self.cards)
        ids = [card.model_id for card in self.cards]
        scores = [dict(zip(ids, row, strict=True)) for row in scored.tolist()]
        rows = [
            {
                "instruction_id": instruction_id,
                "messages": chat,
                "scores": [{"model_id": id, "score": score} for id, score in of.items()],
                "model_id": best_quality(of),
            }
            for instruction_id, chat, of in zip(
                instructions["instruction_id"].to_pylist(), messages, scores, strict=True
            )
        ]
        return pa.Table.from_pylist(rows, schema=SCORED)


def _messages(row: Mapping[str, Any]) -> list[dict[str, str]]:
    return row["messages"] or [{"role": "user", "content": row["prompt"]}]


def _choices(answered: pa.Table) -> pa.Table:
    return answered.select(CHOICES.names).cast(CHOICES)


def _read(path: str, store: Store) -> Dataset:
    return ray.data.read_parquet(store.path(path), filesystem=store.filesystem)


def _write(rows: Dataset, path: str, store: Store) -> None:
    """Writes a folder of Parquet files over what a broken run left there."""
    store.filesystem.create_dir(store.path(path), recursive=True)
    rows.write_parquet(store.path(path), filesystem=store.filesystem, mode=SaveMode.OVERWRITE)
