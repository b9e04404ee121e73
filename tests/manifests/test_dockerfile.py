"""The Dockerfile, as far as it can be checked without building it."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

ROOT = Path(__file__).parents[2]
MANIFESTS = ROOT / "manifests"
TARGETS = {"cpu": "constraints.txt", "gpu": "constraints-gpu.txt"}

targets = pytest.mark.parametrize("target", TARGETS)


class Line(NamedTuple):
    """An instruction of a stage."""

    stage: str
    word: str
    rest: str


def lines() -> Iterator[Line]:
    text = (MANIFESTS / "Dockerfile").read_text()
    text = re.sub(r"^#.*\n", "", text, flags=re.M).replace("\\\n", " ")
    stage = ""
    for line in text.splitlines():
        word, _, rest = line.partition(" ")
        if word == "FROM":
            stage = rest.rpartition(" AS ")[2]
        if word:
            yield Line(stage, word, " ".join(rest.split()))


def of(stage: str, word: str) -> list[str]:
    return [line.rest for line in lines() if (line.stage, line.word) == (stage, word)]


def copied() -> Iterator[str]:
    for line in lines():
        if line.word == "COPY" and not line.rest.startswith("--from="):
            yield from line.rest.split()[:-1]


def test_instructions_and_stages_are_known() -> None:
    stages = set()
    for line in lines():
        assert line.word in {"FROM", "RUN", "COPY", "WORKDIR", "ENV", "USER"}
        for source in re.findall(r"--from=(\S+)", line.rest):
            assert source in stages
        if line.word == "FROM":
            image = line.rest.partition(" AS ")[0]
            assert image in stages or re.search(r":\d", image), f"{image}: no version"
            stages.add(line.stage)
    assert stages >= set(TARGETS)


def test_what_is_copied_is_there_and_not_ignored() -> None:
    let_in = (MANIFESTS / "Dockerfile.dockerignore").read_text().splitlines()
    assert let_in[1] == "*"
    for source in copied():
        assert (ROOT / source).exists()
        assert f"!{source}" in let_in


@targets
def test_packages_are_those_of_the_constraints(target: str) -> None:
    (install, *_) = [line for line in of(f"{target}-packages", "RUN") if "--requirement" in line]
    assert f"--constraints {TARGETS[target]}" in install
    assert f"--extra {target} " in install


def test_python_is_the_one_that_constraints_were_resolved_for() -> None:
    text = (MANIFESTS / "Dockerfile").read_text()
    versions = set(re.findall(r"python(?::| install | )(\d+\.\d+)", text))
    assert versions == {"3.11"}
    assert 'python_version = "3.11"' in (ROOT / "pyproject.toml").read_text()


@targets
def test_pods_find_what_they_are_told_of(target: str) -> None:
    cluster = yaml.safe_load((MANIFESTS / "kuberay" / "base" / "cluster.yaml").read_text())
    head = cluster["spec"]["headGroupSpec"]["template"]["spec"]
    user = head["securityContext"]
    assert of(target, "USER") == [f"{user['runAsUser']}:{user['runAsGroup']}"]
    (folder,) = of(target, "WORKDIR")
    mounts = {mount["name"]: mount["mountPath"] for mount in head["containers"][0]["volumeMounts"]}
    assert mounts["store"] == f"{folder}/store"
    assert f"manifests {folder}/manifests" in of(target, "COPY")


def test_there_are_no_secrets() -> None:
    for line in lines():
        assert line.word != "ARG"
        assert not re.search(r"TOKEN|SECRET|PASSWORD|_KEY", line.rest)
