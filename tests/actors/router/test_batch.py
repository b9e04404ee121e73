"""Batch routing with stand-in candidates: every instruction once, and nothing done twice."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.fs as pafs
import pytest
import ray

from actors.examiner.card import CapabilityCard
from actors.router.batch import route
from actors.router.batch_answers import Gather, full_batches
from actors.router.batch_scores import SCORED
from cluster.errors import SettingsError, TableError
from cluster.settings import RouterSettings, SelectorSettings, Settings
from cluster.store import Store
from cluster.tables import CHOICES
from cluster.zoo import Candidate, Zoo, load_zoo

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
    any_store: Store,
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
            "store": any_store.url,
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
    return load_zoo(settings.zoo), settings, any_store


def parts(store: Store, id: str) -> dict[str, pa.Table]:
    """A candidate's answers by the name of their part."""
    folder = f"routed/routed/answers/{id}"
    found = {name: store.read_table(f"{folder}/{name}") for name in store.names(folder)}
    assert all(table.schema.equals(CHOICES) for table in found.values())
    return found


def written(store: Store) -> dict[str, Any]:
    """When each file of the output was written."""
    folder = store.path("routed/routed")
    found = store.filesystem.get_file_info(pafs.FileSelector(folder, recursive=True))
    return {info.path.removeprefix(f"{folder}/"): info.mtime for info in found if info.is_file}


@pytest.mark.slow
@pytest.mark.parametrize("any_store", ["s3"], indirect=True)  # a folder: below, and in manifests/
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
    for name in (
        f"answers/{id}/00000001.parquet",
        "scored/00000002.parquet",
        "scored/complete.json",
    ):
        store.delete(f"routed/routed/{name}")
    before = written(store)
    assert route(zoo, settings, store) == counts
    again = {name for name, when in written(store).items() if before.get(name) != when}
    assert again == {
        "complete.json",
        "asked.json",
        "scored/complete.json",
        "scored/00000002.parquet",
        f"answers/{id}/00000001.parquet",
    }
    assert parts(store, id) == answers[id]

    longer = settings.routing.model_copy(update={"max_tokens": 999})
    others: list[tuple[str, dict[str, object]]] = [
        ("selector", {"selector_name": "another"}),
        ("candidates", {"router": RouterSettings(candidates=("says-a",))}),
        ("max_tokens", {"routing": longer}),
    ]
    for what, other in others:
        with pytest.raises(SettingsError, match=rf"differs: {what}\); name another folder"):
            route(zoo, settings.model_copy(update=other), store)
    instructions = Path(str(settings.routing.instructions))
    instructions.write_text('{"prompt": "Something else"}')
    with pytest.raises(SettingsError, match=r"differs: files\); name another folder"):
        route(zoo, settings, store)
    instructions.unlink()
    assert route(zoo, settings, store) == counts, "all were scored: they need not be there"
    folder = store.local_folder("selectors/selector")
    store.put_folder("selectors/selector", folder)
    with pytest.raises(SettingsError, match=r"differs: selector_copy\); name another folder"):
        route(zoo, settings, store)


@pytest.mark.parametrize("any_store", ["local"], indirect=True)
def test_bad_instructions_start_nothing(prepared: Prepared, tmp_path: Path) -> None:
    zoo, settings, store = prepared
    (tmp_path / "instructions.jsonl").write_text('{"question": "what?"}')
    with pytest.raises(TableError, match=r"instructions\.jsonl: each row needs either 'prompt'"):
        route(zoo, settings, store)
    assert not store.exists("routed")


def test_engines_get_full_batches_across_parts(ray_cluster: None, tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    counts = [5, 1, 9, 40, 3]
    chat = [{"role": "user", "content": "x"}]
    for number, count in enumerate(counts):
        columns = {"instruction_id": [f"{number}-{row}" for row in range(count)]}
        groups = [
            pa.table(
                {
                    **columns,
                    "messages": [chat] * count,
                    "scores": [[]] * count,
                    "model_id": [id] * count,
                }
            )
            for id in ("other", "this")
        ]
        store.write_table(f"here/scored/{number}.parquet", *(g.cast(SCORED) for g in groups))
    parts = [str(number) for number in range(len(counts))]
    batches = full_batches("here", "this", parts, 8, store.url)
    tables = [
        ray.get(ref) for bundle in batches.iter_internal_ref_bundles() for ref in bundle.block_refs
    ]
    assert [table.num_rows for table in tables] == [8] * 7 + [2]
    rows = pa.concat_tables(tables)
    asked = [f"{number}-{row}" for number, count in enumerate(counts) for row in range(count)]
    assert rows["instruction_id"].to_pylist() == asked
    assert rows["part"].to_pylist() == [id.partition("-")[0] for id in asked]


def test_a_part_is_written_once_it_is_whole(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    gather = Gather(store.url, "there", "a")

    def give(*rows: tuple[str, int]) -> list[str]:
        """Answers of rows (part, place), of five in each part; returns the parts written so far."""
        names = [f"{part}-{row}" for part, row in rows]
        table = {
            "instruction_id": names,
            "scores": pa.array([[]] * len(rows), CHOICES.field("scores").type),
            "part": [part for part, _ in rows],
            "row": [row for _, row in rows],
            "part_rows": [5] * len(rows),
            "output": names,
            "prompt_tokens": [1] * len(rows),
            "completion_tokens": [1] * len(rows),
            "error": pa.nulls(len(rows), pa.string()),
        }
        gather(pa.table(table))
        return store.names("there")

    assert give(("p", 3), ("p", 4), ("q", 0)) == []
    assert give(("p", 3), ("p", 4)) == [], "asked again after a failure"
    assert give(("q", 4), ("p", 0), ("p", 2)) == [], "one is still away"
    assert give(("p", 1), ("q", 1)) == ["p.parquet"]
    written = store.read_table("there/p.parquet")
    assert written.schema.equals(CHOICES)
    assert written["instruction_id"].to_pylist() == [f"p-{row}" for row in range(5)]
    assert set(written["model_id"].to_pylist()) == {"a"}
    assert give(("q", 2), ("q", 3)) == ["p.parquet", "q.parquet"]


@pytest.fixture
def refusing() -> Iterator[str]:
    """An endpoint that calls every request a bad one."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_error(400)

        def log_message(self, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}/v1"
        server.shutdown()


@pytest.mark.slow
@pytest.mark.parametrize("any_store", ["local"], indirect=True)
def test_rows_that_fail_carry_their_error_and_stop_nothing(
    ray_cluster: None, prepared: Prepared, tmp_path: Path, refusing: str
) -> None:
    zoo, settings, store = prepared
    away = {"kind": "remote", "url": refusing, "model": "nobody"}
    candidates = [
        zoo.candidate("says-a"),
        Candidate.model_validate({"id": "says-b", "engine": away}),
    ]
    rows: list[dict[str, object]] = [{"prompt": f"Instruction {n * n}"} for n in range(12)]
    rows.insert(5, {"messages": [{"role": "user", "content": ""}]})
    (tmp_path / "instructions.jsonl").write_text("\n".join(map(json.dumps, rows)))
    here = RouterSettings.model_validate({"candidates": ["says-b"]})
    two = Zoo(name="two", candidates=candidates)
    assert route(two, settings.model_copy(update={"router": here}), store) == {"says-b": 12}
    (failed,) = parts(store, "says-b").values()
    assert failed["instruction_id"].to_pylist() == [str(n) for n in range(13) if n != 5]
    assert failed["output"].null_count == 12
    assert all("BadRequestError" in error for error in failed["error"].to_pylist())
    (unscored,) = (table.to_pylist() for table in parts(store, "-").values())
    assert [row["instruction_id"] for row in unscored] == ["5"]
    assert unscored[0]["model_id"] is None
    assert "messages with text" in unscored[0]["error"]
