"""Commands as users give them: in a process of their own, from the project's folder."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def python() -> Command:
    """Calls Python with the arguments it is given."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, *arguments]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)

    return run


@pytest.fixture(scope="session")
def model_sat(python: Command) -> Command:
    """Calls ``model-sat`` with the arguments it is given."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return python("-c", "from jobs.cli import main; main()", *arguments)

    return run
