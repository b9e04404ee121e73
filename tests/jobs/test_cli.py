"""The commands: help at once, the same job both ways, and one line with exit code 2."""

import subprocess
import sys
from pathlib import Path

import pytest

from actors.router.keys import Caller, KeyFile
from jobs.cli import COMMANDS, VERBS

ROOT = Path(__file__).parents[2]
MODEL_SAT = [sys.executable, "-c", "from jobs.cli import main; main()"]
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


def call(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from jobs.cli import main\n"
        "try: main()\n"
        "finally: print({'ray', 'torch', 'vllm', 'transformers'} & set(sys.modules))"
    )
    done = call(sys.executable, "-c", code, "--help")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "set()"
    for verb in [*VERBS, *COMMANDS]:
        assert verb in done.stdout


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb != "assess"])
def test_both_ways_to_call_a_job(verb: str, run_file: Path) -> None:
    module = f"jobs.{verb.replace('-', '_')}"
    for command in ([*MODEL_SAT, verb], [sys.executable, "-m", module]):
        done = call(*command, str(run_file), "exam.shotz=3")
        assert done.returncode == 2
        assert done.stdout == ""
        assert done.stderr.startswith(f"error: {run_file}: key 'exam.shotz': unknown key; allowed:")
        assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("verb", "overrides", "part"),
    [
        ("prepare-models", [], "no packaged model 'absent'; there are: smollm2"),
        ("examine-candidates", [], "models/absent: no such folder"),
        ("examine-candidates", ["zoo=absent.yaml"], "absent.yaml: cannot be read"),
        ("examine-candidates", ["exam.questions=absent.parquet"], "absent.parquet"),
        ("tune-selector", [], "examine-candidates"),
        ("collect-feedback", [], "journal/feedback: no outcome can be made of it; no row"),
        ("serve-router", [], "selectors/selector: no such folder"),
        ("route-dataset", [], "key 'routing.instructions'"),
        ("route-dataset", ["routing.instructions=absent.jsonl"], "absent"),
    ],
)
def test_mistakes_give_one_line_and_leave_nothing(
    verb: str, overrides: list[str], part: str, run_file: Path
) -> None:
    done = call(*MODEL_SAT, verb, str(run_file), *overrides)
    assert done.returncode == 2, done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert part in line
    assert not list((run_file.parent / "store").glob("**/*"))


@pytest.mark.parametrize(
    "command", [[*MODEL_SAT, "make-key"], [sys.executable, "-m", "jobs.make_key"]]
)
def test_make_key_shows_a_key_and_the_line_that_lets_it_in(
    command: list[str], tmp_path: Path
) -> None:
    done = call(*command, "alice", "--requests-per-minute", "60")
    assert (done.returncode, done.stderr) == (0, "")
    key, line = (said.partition(": ")[2] for said in done.stdout.splitlines())
    (tmp_path / "keys").write_text(line)
    assert KeyFile(str(tmp_path / "keys")).caller(key.encode()) == Caller("alice", 60)
    done = call(*command, "two words")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith("error: a key's name")
