"""What importing a million outcomes costs, and checking ten million: on one core, and in memory.

Invented outcomes of 1,000 models; each run is a process of its own on one core, so that its memory
is its own. Seconds are those that the process computed for, its start included: wall times would
tell how busy a machine is.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from jobs.bench import Figure, write_figures

MODELS, QUESTIONS, CHECKED_QUESTIONS = 1_000, 1_000, 10_000
WORDS = 20_000


def questions(count: int) -> pa.Table:
    """Questions of some fifty words, the frequent ones first, as in a language."""
    rng = np.random.default_rng(0)
    words = np.array([f"word{number}" for number in range(WORDS)])
    share = 1 / np.arange(1, WORDS + 1)
    drawn = rng.choice(WORDS, (count, 50), p=share / share.sum())
    return pa.table(
        {
            "question_id": [f"bench/{number}" for number in range(count)],
            "dataset": ["bench"] * count,
            "category": [f"category {number % 20}" for number in range(count)],
            "prompt": [" ".join(words[row]) for row in drawn],
            "options": [["one", "two", "three", "four"]] * count,
        }
    )


def outcomes(asked: pa.Table, model: int) -> pa.Table:
    """Outcomes of one model in some questions."""
    ids = asked["question_id"]
    score = np.random.default_rng(model).integers(0, 2, len(ids)).astype(float)
    names = pa.array([f"lab/model-{model}"] * len(ids))
    return pa.table({"model_id": names, "question_id": ids, "score": score})


def write_parquet(folder: Path, asked: pa.Table) -> None:
    """A folder of outcomes."""
    folder.mkdir()
    pq.write_table(asked, folder / "questions.parquet")
    with pq.ParquetWriter(folder / "outcomes.parquet", outcomes(asked, 0).schema) as writer:
        for model in range(MODELS):
            writer.write_table(outcomes(asked, model))


def write_jsonl(path: Path, asked: pa.Table) -> None:
    """The same outcomes with the question in each row."""
    prompts = asked["prompt"].to_pylist()
    with path.open("w", encoding="utf-8") as stream:
        for model in range(MODELS):
            for row, prompt in zip(outcomes(asked, model).to_pylist(), prompts, strict=True):
                stream.write(json.dumps({**row, "prompt": prompt}) + "\n")


def run(*command: str) -> None:
    """One command in a process of its own: prints its seconds and its megabytes."""
    subprocess.run([sys.executable, "-m", *command], check=True, stdout=subprocess.DEVNULL)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(json.dumps([used.ru_utime + used.ru_stime, used.ru_maxrss / 1024]))


def measured(*command: str) -> tuple[float, float]:
    """Seconds and megabytes of a command on one core; processes started so far do not count."""
    code = f"from jobs.bench_import import run; run(*{command!r})"
    one = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "ARROW_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **one},
        check=True,
        capture_output=True,
        text=True,
        preexec_fn=_on_one_core,
    )
    seconds, megabytes = json.loads(done.stdout)
    return seconds, megabytes


def _on_one_core() -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def measure() -> list[Figure]:
    """Rows a second of both kinds of file, the memory it takes, and the seconds of a check."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        asked = questions(QUESTIONS)
        write_parquet(folder / "known", asked)
        write_jsonl(folder / "rows.jsonl", asked)
        told = f"questions={folder / 'known' / 'questions.parquet'}"
        parquet = str(folder / "known" / "outcomes.parquet")
        job = ("jobs.import_outcomes", "table")
        fast, lean = measured(*job, parquet, told, "--to", str(folder / "a"))
        slow, broad = measured(*job, str(folder / "rows.jsonl"), "--to", str(folder / "b"))
        write_parquet(folder / "large", questions(CHECKED_QUESTIONS))
        checking, held = measured("jobs.check_outcomes", str(folder / "large"), "--json")
    rows = MODELS * QUESTIONS
    return [
        Figure("import: rows from Parquet", rows / fast, "rows/second", at_least=200_000),
        Figure("import: rows from JSONL", rows / slow, "rows/second", at_least=50_000),
        Figure("import: memory, a million rows from Parquet", lean, "MB", at_most=500),
        Figure("import: memory, a million rows from JSONL", broad, "MB", at_most=500),
        Figure("check: 1,000 models x 10,000 questions", checking, "seconds", at_most=60),
        Figure("check: memory", held, "MB"),
    ]


if __name__ == "__main__":
    write_figures(measure(), "python -m jobs.bench_import")
