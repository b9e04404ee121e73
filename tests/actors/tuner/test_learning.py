"""The method as a whole: a tuned selector reads a card and tells what its candidate can do."""

import random
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from actors.examiner.bank import bank_questions
from actors.examiner.card import CapabilityCard, TaskResult
from actors.selector.network import create
from actors.selector.scoring import Selector
from actors.tuner.course import Course
from actors.tuner.samples import read_samples
from actors.tuner.steps import figures, predict
from cluster.settings import SelectorSettings, StageSettings, TuningSettings
from cluster.store import Store
from cluster.tables import OUTCOMES, from_rows

TASKS = [
    "capitals",
    "chemical_symbols",
    "code_lists",
    "roman_numerals",
    "spanish_words",
    "synonyms",
]
GOOD, POOR = 0.9, 0.2
TUNING = TuningSettings(
    groups_per_step=8,
    groups_per_epoch=200,
    stage1=StageSettings(epochs=1, lr=1e-2),
    stage2=StageSettings(epochs=6, lr=3e-3, lr_scale=2.0),
)


def simulated(
    candidates: int, questions: pa.Table, draw: random.Random
) -> tuple[list[CapabilityCard], pa.Table]:
    """Candidates that are good at half of the tasks, and what they make of the questions."""
    keywords = dict(
        zip(questions["category"].to_pylist(), questions["keywords"].to_pylist(), strict=True)
    )
    cards, outcomes = [], []
    for number in range(candidates):
        good = draw.sample(TASKS, len(TASKS) // 2)
        accuracy = {task: GOOD if task in good else POOR for task in TASKS}
        results = [
            TaskResult(task=task, keywords=keywords[task], accuracy=accuracy[task], count=20)
            for task in TASKS
        ]
        cards.append(CapabilityCard(model_id=f"m{number}", test="bank", tasks=results))
        outcomes += [
            {"model_id": f"m{number}", "question_id": row["question_id"]}
            | {"score": float(draw.random() < accuracy[row["category"]])}
            for row in questions.select(["question_id", "category"]).to_pylist()
        ]
    return cards, from_rows(outcomes, OUTCOMES)


@pytest.mark.slow
@pytest.mark.parametrize("order", ["card-first", "instruction-first"])
def test_a_tuned_selector_beats_an_untuned_one_on_held_out_questions(
    tiny_sources: Callable[..., SelectorSettings], tmp_path: Path, order: str
) -> None:
    questions = bank_questions()
    questions = questions.filter(pc.is_in(questions["category"], pa.array(TASKS)))
    cards, outcomes = simulated(8, questions, random.Random(0))
    words = [card.text for card in cards] + questions["prompt"].to_pylist()
    model = create(
        tiny_sources(words, window=30, order=order), Store(str(tmp_path / "store")), seed=0
    )
    samples = read_samples(outcomes, questions, cards, TUNING.held_out)

    untuned = figures(predict(Selector(model), samples.held_out))
    for _ in Course(model, samples.train, TUNING).steps():
        pass
    tuned = figures(predict(Selector(model), samples.held_out))

    # What a candidate is good at differs from card to card, so a selector that looked at the
    # question alone would stay at 0.5; knowing all accuracies gives about 0.85.
    assert untuned["auc"] == pytest.approx(0.5, abs=0.1)
    assert tuned["auc"] > untuned["auc"] + 0.1
    assert tuned["loss"] < untuned["loss"]
