"""A toy world for the tuner's tests: candidates good at some tasks, and what they answered."""

import random
from typing import NamedTuple

import pyarrow as pa
import pytest

from actors.examiner.card import CapabilityCard, TaskResult
from cluster.tables import OUTCOMES, QUESTIONS, from_rows

TASKS = {
    "geography": "What is the capital of country {}?",
    "arithmetic": "Compute the sum of {} and two.",
    "spelling": "Spell the word number {} backwards.",
    "history": "Who was king in the year {}?",
}


class World(NamedTuple):
    questions: pa.Table
    outcomes: pa.Table
    cards: list[CapabilityCard]


@pytest.fixture(scope="session")
def world() -> World:
    return make_world()


def make_world(candidates: int = 3, per_task: int = 12, seed: int = 0) -> World:
    """Each candidate is good (90%) at half of the tasks and poor (20%) at the others."""
    draw = random.Random(seed)
    questions = [
        {"question_id": f"{task}-{index}", "prompt": prompt.format(index)}
        | {"dataset": "toy", "category": task, "answer": "x"}
        for task, prompt in TASKS.items()
        for index in range(per_task)
    ]
    cards, outcomes = [], []
    for candidate in range(candidates):
        good = draw.sample(sorted(TASKS), len(TASKS) // 2)
        accuracy = {task: 0.9 if task in good else 0.2 for task in TASKS}
        results = [
            TaskResult(task=task, keywords=[task], accuracy=accuracy[task], count=20)
            for task in TASKS
        ]
        cards.append(CapabilityCard(model_id=f"m{candidate}", test="toy", tasks=results))
        outcomes += [
            {"model_id": f"m{candidate}", "question_id": row["question_id"]}
            | {"score": float(draw.random() < accuracy[row["category"]])}
            for row in questions
        ]
    return World(from_rows(questions, QUESTIONS), from_rows(outcomes, OUTCOMES), cards)
