"""What a choice of the fast selector costs, against one pass of its encoder over the instruction.

Real encoder (all-MiniLM-L6-v2), questions of the bank, invented outcomes: time does not hang on
what they are.
"""

from functools import partial
from statistics import median
from timeit import timeit

import numpy as np

from actors.candidate.packaged import prepare
from actors.examiner.bank import bank_questions
from actors.examiner.outcomes import OutcomeMatrix, cards_from_outcomes
from actors.selector.item_response import pool_of
from actors.tuner.item_response import ItemResponseLearner
from cluster.settings import ItemResponseSettings
from cluster.store import Store
from jobs.bench import Figure, write_figures

CANDIDATES, PER_TASK, TOKENS, REPETITIONS = 64, 20, 128, 30
ENCODER = "all-minilm-l6-v2"


def outcomes(candidates: int = CANDIDATES) -> OutcomeMatrix:
    """Invented outcomes of some candidates in questions of 50 tasks."""
    rows = bank_questions(PER_TASK).to_pylist()
    tasks = sorted({row["category"] for row in rows})[:50]
    rows = [row for row in rows if row["category"] in tasks]
    prompts = [row["prompt"] for row in rows]
    draw = np.random.default_rng(0)
    return OutcomeMatrix(
        question_ids=[row["question_id"] for row in rows],
        prompts=prompts,
        texts=prompts,
        datasets=["bank"] * len(rows),
        categories=[row["category"] for row in rows],
        tasks=[row["category"] for row in rows],
        candidates=[f"candidate-{number:02}" for number in range(candidates)],
        scores_NM=draw.integers(0, 2, (len(rows), candidates)).astype(np.float32),
    )


def measure() -> list[Figure]:
    """The ratio, and the time behind it."""
    store = Store("build/bench-store")
    prepare(store, ENCODER)
    settings = ItemResponseSettings(encoder=f"store://models/{ENCODER}")
    pool = pool_of(settings, store)
    known = outcomes()
    cards = cards_from_outcomes(known, "bench")
    selector = ItemResponseLearner(pool, settings).fit(known, cards)
    instruction = [" ".join(f"word {number}" for number in range(TOKENS // 2))]
    exact = pool_of(settings.model_copy(update={"precision": "float32"}), store)
    cases = [
        partial(pool, instruction),
        partial(selector.scores, instruction, cards),
        partial(exact, instruction),
    ]
    rounds = [[timeit(case, number=1) for case in cases] for _ in range(3 + REPETITIONS)]
    one_pass, choice, exact_pass = map(median, zip(*rounds[3:], strict=True))
    return [
        Figure(
            f"fast selector: {CANDIDATES} candidates to one pass of the encoder",
            choice / one_pass,
            "ratio",
            at_most=1.2,
        ),
        Figure("fast selector: one pass of the encoder, 128 tokens", one_pass, "seconds"),
        Figure(
            "fast selector: a pass in float32 to one in eight-bit integers",
            exact_pass / one_pass,
            "ratio",
        ),
    ]


if __name__ == "__main__":
    write_figures(measure(), "python -m jobs.bench_item_response")
