import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from actors.assessor.check import check
from actors.assessor.check_text import as_json, show
from cluster.errors import TableError

ASKED = 120


def write(folder: Path, answered: dict[str, Any] | None = None, **columns: Any) -> str:
    """Outcomes of six models in 120 questions with four options; one is cut short."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    good = rng.random(ASKED) < 0.7
    scores = {
        "good": good,
        "again": good,
        "other": rng.random(ASKED) < 0.5,
        "silent": rng.random(ASKED) < 0.4,
        "zero": np.zeros(ASKED),
        "short": (rng.random(ASKED) < 0.5)[:100],
    }
    ids = [f"q{number}" for number in range(ASKED)]
    questions: dict[str, Any] = {
        "question_id": ids,
        "dataset": ["d"] * ASKED,
        "category": ["even", "odd"] * (ASKED // 2),
        "prompt": [f"{word(n)} of {word(n + 500)}, {word(n + 900)}?" for n in range(ASKED)],
        "options": [["one", "two", "three", "four"]] * ASKED,
    }
    pq.write_table(pa.table(questions | columns), folder / "questions.parquet")
    outcomes: dict[str, Any] = {
        "model_id": [model for model, found in scores.items() for _ in found],
        "question_id": [ids[row] for found in scores.values() for row in range(len(found))],
        "score": np.concatenate([np.asarray(found, float) for found in scores.values()]),
    }
    silent = [model == "silent" for model in outcomes["model_id"]]
    if answered is not None:
        outcomes |= {name: [values[flag] for flag in silent] for name, values in answered.items()}
    pq.write_table(pa.table(outcomes), folder / "outcomes.parquet")
    return str(folder)


def word(number: int) -> str:
    return f"word{number}"


ANSWERED = {
    "answered": [True, False],
    "no_answer": [0, 1],
    "pred": ["A", None],
}


@pytest.mark.parametrize("column", ANSWERED)
def test_what_is_found(column: str, tmp_path: Path) -> None:
    folder = write(tmp_path / "ours", {column: ANSWERED[column]})
    found = check([folder]).sources[folder]
    assert (found.models, found.questions, found.outcomes) == (6, ASKED, 6 * ASKED - 20)
    assert (found.gaps.pairs, found.gaps.complete_questions) == (20, 100)
    assert found.gaps.models == {"short": 20}
    assert [(pair.first, pair.second) for pair in found.same_models] == [("again", "good")]
    assert [(each.model, each.why) for each in found.broken] == [
        ("silent", "no answer could be read in 100% of its outputs"),
        ("zero", "every score is 0"),
        ("zero", "worse than guessing: 0.0% where chance is 25.0%"),
    ]
    assert not found.split_leaks
    assert not found.same_questions
    assert found.headroom.left_out == ["short"]


def test_nothing_is_said_of_answers_that_nobody_marked(tmp_path: Path) -> None:
    folder = write(tmp_path / "ours")
    assert {each.model for each in check([folder]).sources[folder].broken} == {"zero"}


def test_leaks_between_splits_and_sources(tmp_path: Path) -> None:
    prompts = [f"{word(n)} and {word(n + 500)} {word(n + 900)}?" for n in range(ASKED)]
    prompts[7] = prompts[3].upper()
    splits = ["train"] * 5 + ["test"] * (ASKED - 5)
    first = write(tmp_path / "first", prompt=prompts, split=splits)
    second = write(tmp_path / "second", prompt=[*prompts[:5], *map(str, range(5, ASKED))])
    found = check([first, second])
    (leak,) = found.sources[first].split_leaks
    assert (leak.parts, leak.questions) == (["test", "train"], ["q7", "q3"])
    assert [(p.first, p.second) for p in found.sources[first].same_questions] == [("q3", "q7")]
    assert len(found.source_leaks) == 5
    assert all(leak.parts == [first, second] for leak in found.source_leaks)


def test_some_models_only(tmp_path: Path) -> None:
    folder = write(tmp_path / "ours")
    found = check([folder], models=["good", "other"]).sources[folder]
    assert (found.models, found.gaps.pairs, found.broken) == (2, 0, [])
    with pytest.raises(TableError, match="no candidate 'absent'; there are: again, good"):
        check([folder], models=["absent"])


def test_how_it_is_shown(tmp_path: Path) -> None:
    first, second = write(tmp_path / "[first]"), write(tmp_path / "second")
    found = check([first, second])
    console = Console(record=True, width=200, file=(tmp_path / "out.txt").open("w"))
    show(found, console)
    text = console.export_text()
    for part in (
        f"{first}: 6 models, 120 questions, 700 outcomes",
        "20  gaps (2.8% of all pairs; 100 questions were asked of every model)",
        "zero (mean 0.0%): every score is 0",
        "again = good: correlation 1.000 in 120 questions",
        "none  questions in several splits",
        "points over the best single model",
        "120  questions in several of these sources",
        "and 115 more",
    ):
        assert part in text
    figures = json.loads(as_json(found))
    assert figures["sources"][first]["headroom"]["best_single"]["value"] > 0.5
    assert len(figures["source_leaks"]) == 120
