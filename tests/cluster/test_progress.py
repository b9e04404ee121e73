"""Progress lines at a pseudo-terminal, and none where nobody looks."""

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
WORK = """
import logging, sys
from cluster import progress
logging.getLogger("cluster").setLevel(sys.argv[1])
with progress.line("one", 3) as one, progress.line("other") as other:
    assert list(one.counted("abc")) == list("abc")
    other.at(5, 10)
print("result")
"""


def drawn(level: str) -> tuple[str, str]:
    """What the work writes to stdout, and to a stderr that is a terminal."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    done = subprocess.run(
        [sys.executable, "-c", WORK, level],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=theirs,
        text=True,
        timeout=60,
    )
    os.close(theirs)
    try:
        shown = os.read(ours, 1 << 16).decode()
    except OSError:  # nothing was written, and the other end is closed
        shown = ""
    os.close(ours)
    return done.stdout, shown


def test_a_line_says_how_far_how_fast_and_how_much_longer() -> None:
    said, shown = drawn("INFO")
    assert said == "result\n"
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown)
    assert re.search(r"one .*3/3 +[\d.e+]+/s 0:00:00", text)
    assert re.search(r"other .*5/10", text)


def test_quiet_draws_nothing() -> None:
    assert drawn("ERROR") == ("result\n", "")


def test_without_a_terminal_nothing_is_drawn() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WORK, "INFO"], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert (done.stdout, done.stderr) == ("result\n", "")
