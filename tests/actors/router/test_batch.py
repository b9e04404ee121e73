"""Batch routing with stand-in candidates: every instruction once, and nothing done twice."""

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from actors.examiner.card import CapabilityCard
from actors.router.batch import route
from cluster.errors import SettingsError, TableError
from cluster.settings import RouterSettings, SelectorSettings, Settings
from cluster.store import Store
from cluster.tables import CHOICES
from cluster.zoo import Zoo, load_zoo

ZOO = """
name: stand-ins
candidates:
  - {id: says-a, engine: {kind: stand-in, reply: A}}
  - {id: says-b, engine: {kind: stand-in, reply: B}}
  - {id: never-best, engine: {kind: stand-in, reply: C}}
"""

Prepared = tuple[Zoo, Settings, Store]


@pytest.fixture
def prepared(
    tmp_path: Path,
    tiny_sources: Callable[[], SelectorSettings],
    make_card: Callable[..., CapabilityCard],
    put_selector: Callable[..., None],
) -> Prepared:
    (tmp_path / "zoo.yaml").write_text(ZOO)
    rows: list[dict[str, object]] = [
        {"instruction_id": f"i{n}", "prompt": f"Instruction {n * n}"} for n in range(40)
    ]
    rows.append({"instruction_id": "chat", "messages": [{"role": "user", "content": "Hello"}]})
    text = "\n".join(json.dumps(row) for row in rows)
    (tmp_path / "instructions.jsonl").write_text(text)
    settings = Settings.model_validate(
        {
            "store": str(tmp_path / "store"),
            "zoo": str(tmp_path / "zoo.yaml"),
            "selector": tiny_sources(),
            "routing": {
                "instructions": str(tmp_path / "instructions.jsonl"),
                "batch_size": 8,
                "part_rows": 16,
            },
        }
    )
    cards = {"says-a": [0.9, 0.2], "says-b": [0.1, 0.8], "never-best": [0.5, 0.5]}
    put_selector(settings, [make_card(id, accuracies) for id, accuracies in cards.items()])
    return load_zoo(settings.zoo), settings, Store(settings.store)


def parts(store: Store, id: str) -> dict[str, pa.Table]:
    """A candidate's answers by the name of their part."""
    folder = f"routed/routed/answers/{id}"
    found = {name: store.read_table(f"{folder}/{name}") for name in store.names(folder)}
    assert all(table.schema.equals(CHOICES) for table in found.values())
    return found


def written(folder: Path) -> dict[str, int]:
    """When each file of a folder was written."""
    files = (file for file in folder.rglob("*") if file.is_file())
    return {str(file.relative_to(folder)): file.stat().st_mtime_ns for file in files}


@pytest.mark.slow
def test_every_instruction_is_answered_once_by_its_best_candidate(
    ray_cluster: None, prepared: Prepared
) -> None:
    zoo, settings, store = prepared
    counts = route(zoo, settings, store)
    assert sum(counts.values()) == 41
    assert store.read_json("routed/routed/complete.json") == counts
    answers = {id: parts(store, id) for id, count in counts.items() if count}
    rows = [row for of in answers.values() for table in of.values() for row in table.to_pylist()]
    assert len(rows) == 41
    assert {row["instruction_id"] for row in rows} == {f"i{n}" for n in range(40)} | {"chat"}
    replies = {"says-a": "A", "says-b": "B", "never-best": "C"}
    for row in rows:
        scores = {score["model_id"]: score["score"] for score in row["scores"]}
        assert set(scores) == set(zoo.ids())
        assert scores[row["model_id"]] == max(scores.values())
        assert row["output"] == replies[row["model_id"]]

    # A part that is missing is made again, and only that.
    id = max(counts, key=counts.__getitem__)
    folder = Path(store.path("routed/routed"))
    (folder / "answers" / id / "00000001.parquet").unlink()
    (folder / "scored" / "00000002.parquet").unlink()
    (folder / "scored" / "complete.json").unlink()
    before = written(folder)
    assert route(zoo, settings, store) == counts
    again = {name for name, when in written(folder).items() if before.get(name) != when}
    assert again == {
        "complete.json",
        "asked.json",
        "scored/complete.json",
        "scored/00000002.parquet",
        f"answers/{id}/00000001.parquet",
    }
    assert parts(store, id) == answers[id]

    others: list[dict[str, object]] = [
        {"selector_name": "another"},
        {"router": RouterSettings(candidates=("says-a",))},
    ]
    for other in others:
        with pytest.raises(SettingsError, match=r"key 'routing.output'.*name another folder"):
            route(zoo, settings.model_copy(update=other), store)


def test_bad_instructions_start_nothing(prepared: Prepared, tmp_path: Path) -> None:
    zoo, settings, store = prepared
    (tmp_path / "instructions.jsonl").write_text('{"question": "what?"}')
    with pytest.raises(TableError, match=r"instructions\.jsonl: each row needs either 'prompt'"):
        route(zoo, settings, store)
    assert not store.exists("routed")
