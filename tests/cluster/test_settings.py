"""Settings: what loads, and the one line an error gives."""

from pathlib import Path

import pytest

from cluster.errors import SettingsError
from cluster.settings import Settings, load

RUN = """
store: there
zoo: zoo.yaml
selector: {encoder: e, decoder: d}
exam: {shots: 5}
"""


@pytest.fixture
def run(tmp_path: Path) -> Path:
    path = tmp_path / "run.yaml"
    path.write_text(RUN)
    return path


def test_file_and_overrides(run: Path) -> None:
    settings = load(Settings, run, ["exam.tasks=7", "tuning.stage2.lr=1e-4", "ray.num_cpus=2"])
    assert settings.exam.shots == 5
    assert settings.exam.tasks == 7
    assert settings.tuning.stage2.lr == 1e-4
    assert settings.ray.num_cpus == 2


@pytest.mark.parametrize(
    ("override", "parts"),
    [
        ("exam.shotz=3", ["exam.shotz", "unknown key", "shots", "seed"]),
        ("tuning.stage1.speed=3", ["tuning.stage1.speed", "lr_scale"]),
        ("shop=3", ["'shop'", "unknown key", "store"]),
        ("exam.shots=many", ["exam.shots", "integer", "'many'"]),
        ("exam.shots=0", ["exam.shots", "greater than or equal to 1", "found 0"]),
        ("selector={decoder: d}", ["selector.encoder", "missing"]),
        (
            "selector={kind: item-response, encoder: e, layers: [2, -1]}",
            ["layers.1", "greater than or equal to 0", "found -1"],
        ),
        ("router.policy={kind: value}", ["router.policy.weight", "missing"]),
        ("router.policy={kind: value, wait: 1}", ["router.policy.wait", "kind, weight"]),
        ("router.policy={kind: dearest}", ["router.policy", "best-quality", "dearest"]),
        ("router.guard.max_body_bytes=0", ["router.guard.max_body_bytes", "greater than", "0"]),
        ("router.guard.key=keys", ["router.guard.key", "keys, requests_per_minute"]),
        ("router={selector_in_ingress: true, selector_gpus: 1}", ["router", "on CPU", "found"]),
        (
            "collect.judge={url: 'http://me:sesame@host', model: m}",
            ["collect.judge.url", "password"],
        ),
        ("exam", ["'exam'", "key=value"]),
        ("store.name=3", ["'store'", "is a value"]),
        ("exam.shots={", ["no YAML"]),
    ],
)
def test_errors_name_key_rule_and_value(run: Path, override: str, parts: list[str]) -> None:
    with pytest.raises(SettingsError) as caught:
        load(Settings, run, [override])
    message = str(caught.value)
    assert "\n" not in message
    assert "sesame" not in message + str(caught.value.__cause__)
    for part in parts:
        assert part in message


@pytest.mark.parametrize(
    ("text", "part"), [("- 1", "keys and values"), ("a: [", "no YAML"), ("", "NoneType")]
)
def test_files_that_are_no_settings(tmp_path: Path, text: str, part: str) -> None:
    path = tmp_path / "run.yaml"
    path.write_text(text)
    with pytest.raises(SettingsError, match=part):
        load(Settings, path)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"absent\.yaml: cannot be read"):
        load(Settings, tmp_path / "absent.yaml")
