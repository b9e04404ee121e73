"""A small world: two sources of made-up questions, candidates that are good at some tasks."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from actors.assessor.assessment import assess
from actors.assessor.coverage import coverage
from actors.assessor.figures import setting_figures
from actors.assessor.findings import Measured
from actors.assessor.methods import MakeMethod, Method
from actors.assessor.parts import read_source
from actors.assessor.plan import Plan
from actors.assessor.replay import replay_releases
from actors.examiner.card import CapabilityCard
from actors.examiner.outcomes import OutcomeMatrix, outcome_matrix

TASKS = ["sums", "roots", "torts", "verbs"]
# How often each candidate is right in each task.
SKILLS = {
    "adder": [0.9, 0.4, 0.2, 0.2],
    "lawyer": [0.2, 0.2, 0.9, 0.3],
    "linguist": [0.2, 0.2, 0.3, 0.9],
    "allround": [0.5, 0.5, 0.5, 0.5],
    "weak": [0.1, 0.2, 0.1, 0.2],
    "strong": [0.8, 0.8, 0.8, 0.8],
}

WriteSource = Callable[..., Path]
MakePlan = Callable[..., Plan]


def source_tables(
    skills: Mapping[str, Sequence[float]], per_task: int, seed: int
) -> dict[str, pa.Table]:
    """Questions, outcomes and models of a source; the first two tasks are one data set."""
    rng = np.random.default_rng(seed)
    tasks = [task for task in TASKS for _ in range(per_task)]
    ids = [f"q{number}" for number in range(len(tasks))]
    questions = {
        "question_id": ids,
        "dataset": ["numbers" if task in TASKS[:2] else "words" for task in tasks],
        "category": tasks,
        "prompt": [f"Question {id_} on {task}?" for id_, task in zip(ids, tasks, strict=True)],
        "options": pa.nulls(len(tasks), pa.list_(pa.string())),
    }
    rows = [
        (name, id_, int(rng.random() < skill[TASKS.index(task)]))
        for name, skill in skills.items()
        for id_, task in zip(ids, tasks, strict=True)
    ]
    names, asked, correct = zip(*rows, strict=True)
    first = date(2024, 1, 1)
    return {
        "questions": pa.table(questions),
        "outcomes": pa.table({"model_id": names, "question_id": asked, "correct": correct}),
        "models": pa.table(
            {
                "model_id": list(skills),
                "release_date": [str(first + timedelta(n)) for n in range(len(skills))],
            }
        ),
    }


@pytest.fixture(scope="session")
def matrix() -> OutcomeMatrix:
    """200 questions, six candidates."""
    tables = source_tables(SKILLS, 50, seed=0)
    return outcome_matrix(tables["questions"], tables["outcomes"])


@pytest.fixture
def write_source(tmp_path: Path) -> WriteSource:
    """Writes a source's folder and returns it."""

    def write(name: str = "source", per_task: int = 50, seed: int = 0, **tables: pa.Table) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        for part, table in (source_tables(SKILLS, per_task, seed) | tables).items():
            pq.write_table(table, folder / f"{part}.parquet")
        return folder

    return write


@pytest.fixture
def make_plan(tmp_path: Path) -> MakePlan:
    """Makes a plan over one source; keyword arguments are keys of the plan."""

    def make(**keys: Any) -> Plan:
        usual = {
            "name": "small",
            "output": str(tmp_path / "report"),
            "sources": {"source": {"folder": str(tmp_path / "source")}},
            "zoos": {"three": ["adder", "lawyer", "linguist"]},
            "exam": {"tasks": 4, "shots": 8},
            "split": {"train": 0.6, "validation": 0.2, "test": 0.2},
            "seeds": [0, 1],
            "draws": 200,
            "plots": False,
        }
        return Plan.model_validate(usual | keys)

    return make


class ByTask:
    """A learner and its scorer: a candidate's accuracy in the task that a question names."""

    def fit(self, outcomes: OutcomeMatrix, cards: Sequence[CapabilityCard]) -> "ByTask":
        assert [card.model_id for card in cards] == list(outcomes.candidates)
        return self

    def scores(
        self, instructions: Sequence[str], cards: Sequence[CapabilityCard]
    ) -> NDArray[np.float32]:
        accuracy = [{task.task: task.accuracy for task in card.tasks} for card in cards]
        tasks = [text.rstrip("?").split()[-1] for text in instructions]
        return np.array([[each[task] for each in accuracy] for task in tasks], np.float32)


@pytest.fixture
def by_task() -> MakeMethod:
    """The method ``by-task`` under any name; under the name ``knn`` it knows seen ones only."""
    return lambda name, source, seed: Method(ByTask(), seen_only=name == "knn")


PLAN = {
    "methods": ["by-task", "knn"],
    "settings": [
        {"name": "seen", "tune": "source", "zoo": "three"},
        {"name": "joining", "tune": "source", "zoo": "three", "leave_one_out": True},
        {"name": "unseen", "tune": "source", "zoo": "three", "unseen": True},
    ],
    "replays": [{"name": "days", "source": "source", "start": "2024-01-04", "best": 2}],
    "coverages": [{"name": "c", "source": "source", "zoo": "three", "reference": "strong"}],
}


@pytest.fixture
def plan(make_plan: MakePlan, write_source: WriteSource) -> Plan:
    """Settings of all kinds, a replay and a coverage."""
    write_source()
    return make_plan(**PLAN)


@pytest.fixture
def measured(plan: Plan, by_task: MakeMethod) -> Measured:
    """What the assessment of ``plan`` found."""
    source = read_source(plan.sources["source"])
    runs = assess(plan, {"source": source}, by_task)
    return Measured(
        settings={
            name: (found, setting_figures(found, plan.draws, plan.compare))
            for name, found in runs.items()
        },
        replays={"days": replay_releases(plan, plan.replays[0], source, by_task)},
        coverages={"c": coverage(source, plan.zoos["three"], "strong")},
    )
