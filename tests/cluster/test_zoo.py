"""Zoo files: includes, unique ids, and errors that list what exists."""

from pathlib import Path
from typing import Any

import pytest

from cluster.errors import SettingsError
from cluster.zoo import Candidate, RemoteEngine, VllmEngine, load_zoo


def zoo_file(folder: Path, text: str, name: str = "zoo.yaml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


ONE = "name: one\ncandidates: [{id: a, engine: {kind: vllm, source: org/a}}]"


def test_defaults_and_engine_kinds(tmp_path: Path) -> None:
    remote = "{id: b, engine: {kind: remote, url: 'http://host/v1', model: m, key_variable: K}}"
    zoo = load_zoo(zoo_file(tmp_path, ONE.replace("}}]", "}}, " + remote + "]")))
    assert zoo.ids() == ["a", "b"]
    assert isinstance(zoo.candidate("a").engine, VllmEngine)
    assert isinstance(zoo.candidate("b").engine, RemoteEngine)
    assert zoo.candidate("a").modalities == ("text",)


def test_what_an_answer_costs(tmp_path: Path) -> None:
    more = ["{id: b, engine: {kind: stand-in}, price: {input: 1, output: 5}}"]
    more += ["{id: free, engine: {kind: stand-in}, price: {}}"]
    zoo = load_zoo(zoo_file(tmp_path, ONE.replace("}}]", "}}, " + ", ".join(more) + "]")))
    assert zoo.candidate("b").cost(1000, 200) == pytest.approx(0.002)
    assert zoo.candidate("b").cost(1000, None) is None
    assert zoo.candidate("free").cost(1000, 200) == 0.0
    assert zoo.candidate("a").cost(1000, 200) is None  # a price left out is not zero


def test_include_brings_the_candidates_of_another_file(tmp_path: Path) -> None:
    zoo_file(tmp_path, ONE, "one.yaml")
    both = "name: both\ninclude: [one.yaml]\ncandidates: [{id: b, engine: {kind: stand-in}}]"
    assert load_zoo(zoo_file(tmp_path, both)).ids() == ["a", "b"]
    twice = both.replace("id: b", "id: a")
    with pytest.raises(SettingsError, match=r"stand once only.*'a'"):
        load_zoo(zoo_file(tmp_path, twice))


def test_zoos_that_include_each_other_are_refused(tmp_path: Path) -> None:
    zoo_file(tmp_path, "name: one\ninclude: [two.yaml]", "one.yaml")
    zoo_file(tmp_path, "name: two\ninclude: [./one.yaml]", "two.yaml")
    with pytest.raises(SettingsError, match=r"one.yaml: key 'include': .* -> .*two.yaml -> .*one"):
        load_zoo(tmp_path / "one.yaml")


def test_unknown_candidate_lists_the_known(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no candidate 'z'; it has: a"):
        load_zoo(zoo_file(tmp_path, ONE)).candidate("z")


@pytest.mark.parametrize(
    ("old", "new", "part"),
    [
        ("id: a", "id: a/b", "candidates.0.id"),
        ("kind: vllm", "kind: magic", "candidates.0.engine"),
        ("source: org/a", "sauce: org/a", "unknown key; allowed: kind, source, args"),
        ("source: org/a", "source: org/a, args: 3", "args.*found 3"),
        ("candidates: [", "candidates: []\nx: [", "'x': unknown key; allowed: name, candidates"),
    ],
)
def test_rules(tmp_path: Path, old: str, new: str, part: str) -> None:
    with pytest.raises(SettingsError, match=part):
        load_zoo(zoo_file(tmp_path, ONE.replace(old, new)))


@pytest.mark.parametrize(
    "url",
    [
        "http://user:sesame@host/v1",
        "https://sesame@host:8000/v1",
        "http://user:sesame@host",
        "ftp://user:sesame@host/v1",
        "user:sesame@host/v1",
    ],
)
def test_a_password_in_a_url_is_refused_and_not_shown(tmp_path: Path, url: str) -> None:
    remote = ONE.replace("kind: vllm, source: org/a", f"kind: remote, url: '{url}', model: m")
    with pytest.raises(SettingsError, match=r"engine\.url.*password.*key_variable") as caught:
        load_zoo(zoo_file(tmp_path, remote))
    assert "sesame" not in str(caught.value)


def test_a_url_may_hold_an_at_sign_in_its_path() -> None:
    assert RemoteEngine(kind="remote", url="http://host/@me/v1", model="m").url.endswith("@me/v1")


def test_key_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = RemoteEngine(kind="remote", url="http://host/v1", model="m", key_variable="SAT_KEY")
    monkeypatch.delenv("SAT_KEY", raising=False)
    with pytest.raises(SettingsError, match=r"SAT_KEY.*not set"):
        engine.key()
    monkeypatch.setenv("SAT_KEY", "secret")
    assert engine.key() == "secret"
    assert "secret" not in repr(engine)


def test_answers_hang_on_the_engine_but_not_on_its_key_or_haste() -> None:
    far = {"kind": "remote", "url": "http://host/v1", "model": "m"}
    engines: list[dict[str, Any]] = [
        {"kind": "vllm", "source": "org/a", "args": {"concurrency": 8}, "chat_template": None},
        {"kind": "stand-in", "reply": "B", "seconds": 0.5},
        far,
    ]
    for engine in engines:
        assert Candidate.model_validate({"id": "a", "engine": engine}).answering() == engine
    hasty = {**far, "concurrency": 9, "key_variable": "K"}
    assert Candidate.model_validate({"id": "a", "engine": hasty}).answering() == far
