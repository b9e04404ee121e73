"""Routes a whole data set of instructions on Ray Data: score, choose, answer, write.

Rows are grouped by the candidate that was chosen, so that each engine gets full batches and only
one candidate's weights are loaded at a time. A part that is written is not computed again.

    routed/NAME/asked.json         what is routed, and by what
    routed/NAME/scored.parquet     every instruction, its scores and its candidate (SCORED)
    routed/NAME/answers/ID.parquet the CHOICES rows of one candidate
    routed/NAME/complete.json      how many each candidate answered; written last

Instructions, and the answers of one candidate, pass through the driver's memory.
"""

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import ray
from ray.data import ActorPoolStrategy, Dataset

from actors.candidate.batch import batch_engine
from actors.candidate.engine import BatchEngine, Sampling
from actors.router.rules import Rules, operator_rules
from cluster.errors import SettingsError
from cluster.settings import FilterSettings, Settings
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
        SettingsError: no instructions are named, the router's settings do not fit the zoo, or the
            output folder holds another data set.
        TableError: the instructions break a rule of their table.
        StoreError: the selector, a card or a model folder is not in the store.
    """
    routing = settings.routing
    if routing.instructions is None:
        raise SettingsError("key 'routing.instructions': is needed to route a data set")
    base = f"routed/{routing.output}"
    rules = operator_rules(zoo, settings.router)
    engines = {
        id: batch_engine(zoo.candidate(id), store, routing.batch_size) for id in rules.answering()
    }
    scored = _score_once(base, rules, settings, store)
    counts = {
        model_id: _answer_once(base, model_id, engine, scored, settings, store)
        for model_id, engine in engines.items()
    }
    store.write_json(f"{base}/{MARKER}", counts)
    return counts


def _answer_once(
    base: str,
    model_id: str,
    engine: BatchEngine,
    scored: pa.Table,
    settings: Settings,
    store: Store,
) -> int:
    place = f"{base}/answers/{model_id}.parquet"
    if store.exists(place):
        return int(store.read_table(place).num_rows)
    chosen = scored.filter(pc.equal(scored["model_id"], model_id))
    if chosen.num_rows:  # else no engine needs to start
        routing = settings.routing
        sampling = Sampling(max_tokens=routing.max_tokens)
        answers = _collected(engine.answer(_blocks(chosen, routing.batch_size), sampling))
        store.write_table(place, answers.select(CHOICES.names).cast(CHOICES))
    return int(chosen.num_rows)


def _score_once(base: str, rules: Rules, settings: Settings, store: Store) -> pa.Table:
    source, gpus = str(settings.routing.instructions), settings.router.selector_gpus
    before = settings.router.filter
    asked = {
        "instructions": source,
        "selector": settings.selector_name,
        "filter": before and before.model_dump(),
        "candidates": sorted(rules.candidates),
        "policy": rules.policy.model_dump(),
        "escalation": rules.escalation and rules.escalation.model_dump(),
        "prices": rules.prices,
    }
    if store.exists(f"{base}/asked.json") and store.read_json(f"{base}/asked.json") != asked:
        raise SettingsError(
            f"key 'routing.output': {store.url_of(base)} was routed with other instructions, "
            "selector, candidates, policy or prices; name another folder"
        )
    if store.exists(f"{base}/scored.parquet"):
        return store.read_table(f"{base}/scored.parquet")
    instructions = check_instructions(read_table(source), source)
    store.write_json(f"{base}/asked.json", asked)
    scored = _blocks(instructions, settings.routing.batch_size).map_batches(
        _Score,
        fn_constructor_args=(
            store.url,
            settings.selector_name,
            rules,
            "cuda" if gpus else "cpu",
            before,
        ),
        num_gpus=gpus,
        compute=ActorPoolStrategy(size=settings.router.selector_replicas),
        batch_format="pyarrow",
    )
    table = _collected(scored).cast(SCORED)
    store.write_table(f"{base}/scored.parquet", table)
    return table


def _blocks(table: pa.Table, rows: int) -> Dataset:
    """The table in blocks of one batch each: replicas share the blocks."""
    slices = [table.slice(start, rows) for start in range(0, table.num_rows, rows)]
    return ray.data.from_arrow(slices)


def _collected(rows: Dataset) -> pa.Table:
    return pa.concat_tables(ray.get(rows.to_arrow_refs()))


class _Score:
    """Scores batches of INSTRUCTIONS and chooses: gives SCORED."""

    def __init__(
        self,
        store_url: str,
        selector_name: str,
        rules: Rules,
        device: str,
        before: FilterSettings | None,
    ) -> None:
        # Here and not on top: this module is imported by every worker that moves a block, and
        # each would take seconds to import torch, which only this actor needs.
        from actors.selector.instruction import instruction_text
        from actors.selector.stored import load_stored

        self.text = instruction_text
        self.selector, self.cards = load_stored(
            Store(store_url), selector_name, rules.candidates, device, before
        )
        self.rules = rules

    def __call__(self, instructions: pa.Table) -> pa.Table:
        messages = [_messages(row) for row in instructions.to_pylist()]
        scored = self.selector.scores([self.text(chat) for chat in messages], self.cards)
        ids = [card.model_id for card in self.cards]
        scores = [dict(zip(ids, row, strict=True)) for row in scored.tolist()]
        rows = [
            {
                "instruction_id": instruction_id,
                "messages": chat,
                "scores": [{"model_id": id, "score": score} for id, score in of.items()],
                "model_id": self._chosen(of),
            }
            for instruction_id, chat, of in zip(
                instructions["instruction_id"].to_pylist(), messages, scores, strict=True
            )
        ]
        return pa.Table.from_pylist(rows, schema=SCORED)

    def _chosen(self, scores: Mapping[str, float]) -> str:
        choice = self.rules.choice(scores)
        assert choice, "every candidate has a score, and none is passed over"
        return choice.candidate


def _messages(row: Mapping[str, Any]) -> list[dict[str, str]]:
    return row["messages"] or [{"role": "user", "content": row["prompt"]}]
