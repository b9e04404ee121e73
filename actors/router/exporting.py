"""The selector's scores of many instructions as one table, for routers that are not ours.

A row an instruction: its text, a score for each candidate, the candidate that the policy chooses.
Routers such as LiteLLM's and the vLLM Semantic Router have no format for scores of single
instructions, only rules: examples for each model, or scores of models for each category. So this is
a plain table from which their rules are made: ``choice`` gives the examples of a model, means of
``score.ID`` over a category of yours its scores.

    instruction_id   as in the instructions
    text             the text it was scored by
    choice           id of the candidate that the run's policy chooses
    score.ID         P('Yes') of candidate ID, in [0, 1]; a column each

Shapes: N instructions, M candidates.

Instructions are scored in this process; ``route-dataset`` scores on a cluster, and answers.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from actors.router.instructions import checked, parts
from actors.router.rules import operator_rules
from actors.selector.instruction import instruction_text
from actors.selector.stored import load_stored
from cluster import progress
from cluster.errors import SettingsError, TableError, UserError
from cluster.settings import Settings
from cluster.store import Store
from cluster.zoo import Zoo

Write = Callable[[pa.Table, IO[bytes]], None]


def exported_scores(zoo: Zoo, settings: Settings, store: Store) -> pa.Table:
    """The table of ``settings.routing.instructions``, in their order.

    Raises:
        SettingsError: no instructions are named, or the router's settings do not fit the zoo.
        TableError: the instructions break a rule of their table, or one has no text.
        StoreError: the selector or a card is not in the store.
    """
    source = settings.routing.instructions
    if source is None:
        raise SettingsError("key 'routing.instructions': is needed to export scores")
    rules = operator_rules(zoo, settings.router)
    checked(source, settings.routing.part_rows)
    instructions = pa.concat_tables(parts(source, settings.routing.part_rows))
    texts = [_text(row, source) for row in instructions.to_pylist()]
    ids = sorted(rules.candidates)
    scores_NM, most = _scores(texts, ids, settings, store), settings.routing.max_tokens
    return pa.table(
        {
            "instruction_id": instructions["instruction_id"],
            "text": texts,
            "choice": [
                rules.fitting(dict(zip(ids, row, strict=True)), text, most).candidate
                for text, row in zip(texts, scores_NM.tolist(), strict=True)
            ],
            **{f"score.{id}": scores_NM[:, place] for place, id in enumerate(ids)},
        }
    )


def _text(row: Mapping[str, Any], source: str) -> str:
    try:
        return instruction_text(row["messages"] or [{"role": "user", "content": row["prompt"]}])
    except UserError as error:
        raise TableError(f"{source}: instruction '{row['instruction_id']}': {error}") from error


def _scores(
    texts: Sequence[str], ids: Sequence[str], settings: Settings, store: Store
) -> NDArray[np.float32]:
    device = "cuda" if settings.router.selector_gpus else "cpu"
    scorer, cards = load_stored(store, settings.selector_name, ids, device, settings.router.filter)
    size = settings.router.selector_batch
    scores_NM = np.zeros((len(texts), len(ids)), np.float32)
    with progress.line("score", len(texts)) as line:
        for start in range(0, len(texts), size):
            batch = texts[start : start + size]
            scores_NM[start : start + size] = scorer.scores(batch, cards)
            line.advance(len(batch))
    return scores_NM


def _jsonl(table: pa.Table, sink: IO[bytes]) -> None:
    for row in table.to_pylist():
        sink.write(f"{json.dumps(row, ensure_ascii=False)}\n".encode())


_WRITERS: Mapping[str, Write] = {
    ".parquet": pq.write_table,
    ".csv": pv.write_csv,
    ".jsonl": _jsonl,
}


def writer_of(place: str) -> Write:
    """What writes a table into a file of that name. Raises UserError for any other ending."""
    suffix = PurePosixPath(place).suffix
    if suffix not in _WRITERS:
        raise UserError(f"'{place}': must end in one of {', '.join(_WRITERS)}")
    return _WRITERS[suffix]
