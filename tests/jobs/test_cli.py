"""The commands: help at once, the same job both ways, and one line with exit code 2."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from actors.router.keys import Caller, KeyFile
from jobs.cli import COMMANDS, VERBS, main

Command = Callable[..., subprocess.CompletedProcess[str]]

RUN = """
store: {folder}/store
zoo: {folder}/zoo.yaml
selector: {{encoder: "{folder}/encoder", decoder: "{folder}/decoder"}}
"""
ZOO = "name: z\ncandidates: [{id: a, engine: {kind: vllm, source: 'store://models/absent'}}]"


@pytest.fixture
def run_file(tmp_path: Path) -> Path:
    (tmp_path / "zoo.yaml").write_text(ZOO)
    path = tmp_path / "run.yaml"
    path.write_text(RUN.format(folder=tmp_path))
    return path


@pytest.fixture
def refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., str]:
    """Calls ``model-sat`` in this process, where much is imported already; gives what it says."""

    def run(*arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", ["model-sat", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        assert ended.value.code == 2
        return said.err

    return run


def test_help_imports_nothing_heavy(python: Command) -> None:
    code = (
        "import sys; from jobs.cli import main\n"
        "try: main()\n"
        "finally: print({'ray', 'torch', 'vllm', 'transformers'} & set(sys.modules))"
    )
    done = python("-c", code, "--help")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "set()"
    for verb in [*VERBS, *COMMANDS]:
        assert verb in done.stdout


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb != "assess"])
def test_both_ways_to_call_a_job(
    verb: str, run_file: Path, refused: Callable[..., str], python: Command
) -> None:
    module = f"jobs.{verb.replace('-', '_')}"
    done = python("-m", module, str(run_file), "exam.shotz=3")
    assert (done.returncode, done.stdout) == (2, "")
    for said in (done.stderr, refused(verb, str(run_file), "exam.shotz=3")):
        assert said.startswith(f"error: {run_file}: key 'exam.shotz': unknown key; allowed:")
        assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("verb", "overrides", "part"),
    [
        ("prepare-models", [], "no packaged model 'absent'; there are: smollm2"),
        ("examine-candidates", [], "models/absent: no such folder"),
        ("examine-candidates", ["zoo=absent.yaml"], "absent.yaml: cannot be read"),
        ("examine-candidates", ["exam.questions=absent.parquet"], "absent.parquet"),
        ("tune-selector", [], "examine-candidates"),
        ("collect-feedback", [], "journal/feedback: no outcome can be made of it; no row"),
        ("collect", [], "models/absent: no such folder"),
        ("collect", ["collect.sources=[{questions: absent.parquet}]"], "absent.parquet"),
        ("collect", ["collect.sources=[{questions: bank, marking: judge}]"], "'judge' names none"),
        ("serve-router", [], "selectors/selector: no such folder"),
        ("route-dataset", [], "key 'routing.instructions'"),
        ("route-dataset", ["routing.instructions=absent.jsonl"], "absent"),
    ],
)
def test_mistakes_give_one_line_and_leave_nothing(
    verb: str,
    overrides: list[str],
    part: str,
    run_file: Path,
    refused: Callable[..., str],
    ray_cluster: None,
) -> None:
    said = refused(verb, str(run_file), *overrides)
    (line,) = [line for line in said.splitlines() if line.startswith("error: ")]
    assert part in line
    assert not list((run_file.parent / "store").glob("**/*"))


def test_make_key_shows_a_key_and_the_line_that_lets_it_in(python: Command, tmp_path: Path) -> None:
    done = python("-m", "jobs.make_key", "alice", "--requests-per-minute", "60")
    assert (done.returncode, done.stderr) == (0, "")
    key, line = (said.partition(": ")[2] for said in done.stdout.splitlines())
    (tmp_path / "keys").write_text(line)
    assert KeyFile(str(tmp_path / "keys")).caller(key.encode()) == Caller("alice", 60)
    done = python("-m", "jobs.make_key", "two words")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith("error: a key's name")


def test_verbs_with_a_run_and_without_can_be_quiet_and_speak_json(model_sat: Command) -> None:
    for command in ("collect", "import"):
        done = model_sat(command, "--help")
        assert "--quiet" in done.stdout
        assert "--json" in done.stdout


@pytest.mark.parametrize("options", [[], ["--json"], ["--quiet"], ["--quiet", "--json"]])
def test_a_result_is_said_in_lines_in_json_or_not_at_all(
    options: list[str], model_sat: Command
) -> None:
    done = model_sat("make-key", "alice", *options)
    assert (done.returncode, done.stderr) == (0, "")
    if "--json" in options:
        (line,) = done.stdout.splitlines()
        assert json.loads(line)["line"].startswith("alice ")
    else:
        assert len(done.stdout.splitlines()) == (0 if options else 2)


@pytest.mark.slow
def test_a_job_on_ray_says_its_result_alone_and_where_the_noise_is(
    tmp_path: Path, model_sat: Command
) -> None:
    (tmp_path / "zoo.yaml").write_text(
        "name: z\ncandidates: [{id: a, engine: {kind: stand-in, reply: A}}]"
    )
    run = tmp_path / "run.yaml"
    run.write_text(RUN.format(folder=tmp_path))
    sources = "collect.sources=[{questions: bank, per_category: 1}]"
    done = model_sat("collect", str(run), sources, "ray.num_cpus=4", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["candidates"]["a"]["questions"] >= 50
    noise, asked = done.stderr.splitlines()
    place = Path(noise.removeprefix("Ray and the engines log to "))
    assert list(place.glob("ray-data/*.log"))
    assert asked.startswith("a: asked ")
    assert "\x1b" not in done.stdout + done.stderr
