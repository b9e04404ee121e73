"""Scores as a table for other routers, of a fast selector on a tiny encoder."""

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow.csv as pv
import pyarrow.json as pj
import pyarrow.parquet as pq
import pytest

from actors.examiner.card import CapabilityCard
from actors.router.exporting import exported_scores, writer_of
from cluster.errors import SettingsError, TableError, UserError
from cluster.settings import SelectorSettings, Settings
from cluster.store import Store
from cluster.zoo import Zoo, load_zoo
from jobs.export_scores import run

ZOO = """
name: two
candidates:
  - {id: strong, engine: {kind: stand-in}, price: {input: 10, output: 10}}
  - {id: weak, engine: {kind: stand-in}, price: {input: 1, output: 1}}
"""


@pytest.fixture
def settings(
    tmp_path: Path,
    tiny_sources: Callable[..., SelectorSettings],
    make_card: Callable[..., CapabilityCard],
    put_fast_selector: Callable[..., None],
) -> Settings:
    (tmp_path / "zoo.yaml").write_text(ZOO)
    rows = [{"prompt": "Why?"}, {"messages": [{"role": "user", "content": 'Who, "she"?'}]}]
    (tmp_path / "i.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    encoder = tiny_sources().encoder
    values = {
        "store": str(tmp_path / "store"),
        "zoo": str(tmp_path / "zoo.yaml"),
        "selector": {"kind": "item-response", "encoder": encoder, "layers": [1, 2]}
        | {"precision": "float32"},  # a graph of integers takes seconds to make
        "routing": {"instructions": str(tmp_path / "i.jsonl")},
    }
    (tmp_path / "run.yaml").write_text(json.dumps(values))
    settings = Settings.model_validate(values)
    accuracies = {"strong": 0.9, "weak": 0.2}
    put_fast_selector(settings, [make_card(id, [mean]) for id, mean in accuracies.items()])
    return settings


def test_each_instruction_has_all_scores_and_the_policys_choice(settings: Settings) -> None:
    zoo, store = load_zoo(settings.zoo), Store(settings.store)
    rows = exported_scores(zoo, settings, store).to_pylist()
    assert [row["instruction_id"] for row in rows] == ["0", "1"]
    assert rows[0]["text"] == "Why?"
    assert "she" in rows[1]["text"]
    for row in rows:
        assert 0 <= row["score.weak"] < row["score.strong"] <= 1
        assert row["choice"] == "strong"
    cheap = {"router": {"policy": {"kind": "value", "weight": 1.0}}}
    frugal = Settings.model_validate({**settings.model_dump(), **cheap})
    assert set(exported_scores(zoo, frugal, store)["choice"].to_pylist()) == {"weak"}


def test_a_folder_is_read_as_route_dataset_reads_it(settings: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (tmp_path / "i.jsonl").rename(folder / "1.jsonl")
    (folder / "2.jsonl").write_text('{"prompt": "And more?"}')
    given = settings.model_dump() | {"routing": {"instructions": str(folder)}}
    there = Settings.model_validate(given)
    rows = exported_scores(load_zoo(settings.zoo), there, Store(settings.store)).to_pylist()
    assert [row["instruction_id"] for row in rows] == ["0", "1", "2"]
    assert rows[2]["text"] == "And more?"
    (folder / "2.jsonl").write_text('{"messages": [{"role": "user", "content": ""}]}')
    with pytest.raises(TableError, match=r"folder: instruction '2': .*text"):
        exported_scores(load_zoo(settings.zoo), there, Store(settings.store))


def test_all_files_hold_the_same_table(settings: Settings, tmp_path: Path) -> None:
    readers = {"parquet": pq.read_table, "csv": pv.read_csv, "jsonl": pj.read_json}
    for ending, read in readers.items():
        place = tmp_path / f"scores.{ending}"
        result = run(str(tmp_path / "run.yaml"), str(place))
        assert result.found["chosen"] == {"strong": 2}
        table = read(place)
        assert table.column_names == [
            "instruction_id",
            "text",
            "choice",
            "score.strong",
            "score.weak",
        ]
        assert table["choice"].to_pylist() == ["strong", "strong"]
        assert '"she"' in table["text"].to_pylist()[1]


def test_mistakes_are_told(settings: Settings) -> None:
    with pytest.raises(UserError, match=r"'x\.xls': must end in one of \.parquet, \.csv, \.jsonl"):
        writer_of("x.xls")
    unnamed = settings.model_copy(
        update={"routing": settings.routing.model_copy(update={"instructions": None})}
    )
    zoo: Zoo = load_zoo(settings.zoo)
    with pytest.raises(SettingsError, match=r"key 'routing\.instructions': is needed"):
        exported_scores(zoo, unnamed, Store(settings.store))
