"""The report: what stands in it, and that it is whole or not there."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from actors.assessor.findings import Measured, method_table
from actors.assessor.page import markdown
from actors.assessor.plan import Plan
from actors.assessor.report import check_output, write_report
from cluster.errors import UserError


def test_a_page_tells_all(plan: Plan, measured: Measured) -> None:
    page = markdown(plan, measured)
    sections = dict(block.split("\n", 1) for block in page.split("\n## ")[1:])
    assert list(sections) == ["seen", "joining", "unseen", "Replay: days", "Coverage: c"]
    assert "nan" not in page
    seen = sections["seen"]
    assert "| by-task |" in seen
    assert "over knn" in seen
    assert "| accuracy | numbers | words |" in seen
    assert "nobody; the whole zoo is tuned on" in seen
    assert "three, lawyer joins" in sections["joining"]
    assert "over the seen ones alone" in sections["joining"]
    assert "over the seen ones alone" not in seen
    assert "Cannot score candidates they were not tuned on: knn." in sections["unseen"]
    assert "2024-01-06 | strong" in sections["Replay: days"]
    assert "| linguist |" in sections["Coverage: c"]
    for table in (block for block in page.split("\n\n") if block.startswith("| ")):
        assert len({line.count("|") for line in table.splitlines()}) == 1


def test_a_table_keeps_the_names_of_methods(measured: Measured) -> None:
    _, (first, *_) = measured.settings["seen"]
    table = method_table([replace(first, method="model-sat finance")], "knn")
    assert table.rows[0][0] == "model-sat finance"


def test_a_report_is_written_whole_and_replaces_an_older_one(
    plan: Plan, measured: Measured
) -> None:
    place = write_report(plan, measured)
    (place / "stale.txt").write_text("old")
    check_output(plan)
    assert write_report(plan, measured) == place
    written = ["report.html", "report.json", "report.md"]
    assert sorted(path.name for path in place.iterdir()) == written
    assert not [path for path in place.parent.iterdir() if path.name.startswith(".")]
    found = json.loads((place / "report.json").read_text())
    assert found["plan"]["seeds"] == [0, 1]
    by_name = {each["method"]: each for each in found["settings"]["seen"]["methods"]}
    assert by_name["by-task"]["gain"]["p"] < 0.05
    assert by_name["random"]["figures"]["mean"]["auc"]["value"] is None
    assert found["settings"]["seen"]["runs"][0]["exam_questions"] == 32
    assert found["replays"]["days"]["steps"][0]["released"] == "2024-01-04"


def test_a_report_that_cannot_be_written_leaves_nothing(
    plan: Plan, measured: Measured, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = write_report(plan, measured)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError):
        write_report(plan.model_copy(update={"plots": True}), measured)
    assert (place / "report.json").exists()
    assert not [path for path in place.parent.iterdir() if path.name.startswith(".")]


def test_a_folder_that_is_no_report_is_left_alone(plan: Plan) -> None:
    folder = Path(plan.output)
    folder.mkdir()
    (folder / "thesis.txt").write_text("years")
    with pytest.raises(UserError, match="is there, but no report"):
        check_output(plan)


def test_plots_that_cannot_be_drawn_are_told_before_anything_is_tuned(
    plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)  # as where it is not installed
    with pytest.raises(UserError, match=r"install it by: pip install 'matplotlib>=3\.10'"):
        check_output(plan.model_copy(update={"plots": True}))


def test_plots_are_drawn(plan: Plan, measured: Measured) -> None:
    pytest.importorskip("matplotlib", reason="extra 'report' is not installed")
    place = write_report(plan.model_copy(update={"plots": True}), measured)
    drawn = sorted(path.stem for path in place.glob("*.png"))
    assert drawn == ["accuracy", "calibration", "coverage-1", "replay-1"]
    for path in place.glob("*.png"):
        assert path.read_bytes().startswith(b"\x89PNG")
        assert f"({path.name})" in (place / "report.md").read_text()
