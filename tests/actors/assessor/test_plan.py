"""Plans: what is refused and how, and that every shipped one is whole."""

from pathlib import Path
from typing import Any

import pytest

from actors.assessor.parts import read_source
from actors.assessor.plan import Plan
from cluster.errors import SettingsError
from cluster.settings import load

ROOT = Path(__file__).parents[3]
PLANS = sorted((ROOT / "manifests" / "assess").glob("*.yaml"))
PLAN = """
name: p
output: there
sources: {one: {folder: a}, two: {folder: b}}
zoos: {pair: [a, b], three: [a, b, c]}
settings: [{name: s, tune: one, zoo: pair}]
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "plan.yaml"
    path.write_text(PLAN)
    return path


def test_a_plan_with_overrides(file: Path) -> None:
    plan = load(Plan, file, ["part=test", "sources.one.tasks=subject", "methods=[knn]"])
    assert plan.part == "test"
    assert plan.sources["one"].tasks == "subject"
    assert plan.settings[0].test_source == "one"


@pytest.mark.parametrize(
    ("override", "parts"),
    [
        ("zoos.pair=[a]", ["zoo 'pair' has 1 candidates; at least 2"]),
        ("zoos.pair=[a, a]", ["zoos.pair: 'a' stands there twice"]),
        ("split.train=0.8", ["key 'split'", "add up to 1"]),
        ("sources.one.fodler=x", ["sources.one.fodler", "unknown key", "folder, tasks"]),
        ("settings=[{name: s, tune: three, zoo: pair}]", ["'s' names no known source", "one, two"]),
        ("settings=[{name: s, tune: one, zoo: four}]", ["'s' names no known zoo", "pair, three"]),
        ("settings=[{name: s, tune: one}]", ["settings.0", "exactly one of zoo and random"]),
        (
            "settings=[{name: s, tune: one, zoo: pair, unseen: true, leave_one_out: true}]",
            ["at most one of unseen and leave_one_out"],
        ),
        (
            "settings=[{name: s, tune: one, test: two, zoo: pair, tuned_on: zoo}]",
            ["leaves nobody to tune on"],
        ),
        ("settings=[{name: s, tune: one, zoo: pair, uncen: 1}]", ["settings.0.uncen", "unseen"]),
        ("methods=[oracle]", ["methods: 'oracle' is measured anyway; leave it out"]),
        ("methods=[knn, knn]", ["methods: 'knn' stands there twice"]),
        ("replays=[{name: r, source: one, start: May}]", ["replays.0.start", "'May'"]),
        (
            "replays=[{name: r, source: one, start: '2024-02-30'}]",
            ["replays.0.start", "must be a day, YYYY-MM-DD: day", "'2024-02-30'"],
        ),
        (
            "coverages=[{name: c, source: one, zoo: pair, reference: a}, "
            "{name: c, source: two, zoo: three, reference: b}]",
            ["coverages: 'c' stands there twice"],
        ),
        (
            "coverages=[{name: c, source: one, zoo: four, reference: a}]",
            ["'c' names no known zoo"],
        ),
        ("part=train", ["key 'part'", "'train'"]),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(
    file: Path, override: str, parts: list[str]
) -> None:
    with pytest.raises(SettingsError) as caught:
        load(Plan, file, [override])
    message = str(caught.value)
    assert "\n" not in message
    for part in parts:
        assert part in message


@pytest.mark.parametrize("path", PLANS, ids=lambda path: path.stem)
def test_shipped_plans_are_whole(path: Path) -> None:
    plan = load(Plan, path)
    assert plan.name == path.stem
    assert plan.part == "validation"  # the test part is asked for by hand, once
    assert plan.settings or plan.replays
    for setting in plan.settings:
        assert plan.sources[setting.tune].folder.startswith("../shared/data/")
    asked = [name.removeprefix("model-sat ") for name in plan.methods if "model-sat " in name]
    assert sorted(asked) == sorted(plan.variants)
    for name in plan.variants:
        assert plan.model_sat_settings(name) != plan.model_sat_settings()


@pytest.mark.shared
@pytest.mark.parametrize("path", PLANS, ids=lambda path: path.stem)
def test_shipped_plans_name_candidates_that_are_there(path: Path) -> None:
    plan = load(Plan, path)
    folders: dict[str, Any] = {
        name: source.model_copy(update={"folder": str(ROOT / source.folder)})
        for name, source in plan.sources.items()
    }
    if not all(Path(source.folder).is_dir() for source in folders.values()):
        pytest.skip("no folder ../shared/data beside the checkout")
    matrices = {name: read_source(source) for name, source in folders.items()}
    for setting in plan.settings:
        if setting.zoo:
            assert len(matrices[setting.test_source].of(plan.zoos[setting.zoo]).complete()) > 1000
    for coverage in plan.coverages:
        matrices[coverage.source].of([*plan.zoos[coverage.zoo], coverage.reference])
    for replay in plan.replays:
        assert len(matrices[replay.source].complete()) > 1000
