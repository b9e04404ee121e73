"""Whether tuning wastes passes: steps of the course against a bare PyTorch loop over its batches.

Real networks (all-MiniLM-L6-v2, four layers of SmolLM2-135M), questions of the bank, invented
outcomes: time does not hang on what they are.
"""

from collections.abc import Iterator
from itertools import islice
from statistics import median
from timeit import timeit

import torch
from torch.optim import AdamW

from actors.candidate.packaged import prepare
from actors.examiner.outcomes import cards_from_outcomes
from actors.selector.network import ModelSat, create
from actors.tuner.course import Course
from actors.tuner.groups import draw_groups, groups_of
from actors.tuner.learner import records
from actors.tuner.stages import enter_stage
from actors.tuner.steps import Batch, Batcher, batch_loss
from cluster.settings import SelectorSettings, StageSettings, TuningSettings
from cluster.store import Store
from jobs.bench import Figure, write_figures
from jobs.bench_item_response import outcomes

STEPS, ROUNDS, CANDIDATES = 4, 5, 4
MODELS = ("all-minilm-l6-v2", "smollm2-135m-instruct")
NOTHING = StageSettings(epochs=0, lr=1.0)
TUNING = TuningSettings(stage1=NOTHING, stage2=StageSettings(lr=1e-5))


def bare(model: ModelSat, batches: list[Batch]) -> Iterator[None]:
    """Forward, backward and AdamW, and nothing else."""
    optimizer = AdamW(model.parameters(), lr=1e-5)
    for batch in batches:
        optimizer.zero_grad()
        batch_loss(model, batch, TUNING.loss).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        yield


def measure() -> list[Figure]:
    """The ratio of samples per second, and the time behind it."""
    store = Store("build/bench-store")
    for name in MODELS:
        prepare(store, name)
    encoder, decoder = (f"store://models/{name}" for name in MODELS)
    settings = SelectorSettings(encoder=encoder, decoder=decoder, decoder_layers=4)
    model = create(settings, store, seed=0)
    known = outcomes()
    known = known.of(known.candidates[:CANDIDATES])
    samples = records(known, cards_from_outcomes(known, "bench"))
    steps = Course(model, samples, TUNING).steps()
    enter_stage(model, 2)
    groups = draw_groups(groups_of(samples, TUNING), STEPS * ROUNDS * 2, "bench")
    batcher = Batcher(model)
    size = TUNING.groups_per_step
    batches = [
        batcher.batches(groups[at : at + size], size)[0] for at in range(0, len(groups), size)
    ]
    loop = bare(model, batches)
    torch.manual_seed(0)
    times = [
        [timeit(lambda: list(islice(one, STEPS)), number=1) for one in (steps, loop)]  # noqa: B023
        for _ in range(ROUNDS)
    ]
    ours, plain = map(median, zip(*times[1:], strict=True))
    name = "tuning: samples per second to a bare loop over the same networks"
    rows = STEPS * size * TUNING.group_size
    return [
        Figure(name, plain / ours, "ratio", at_least=0.8),
        Figure("tuning: rows a second, MiniLM and four layers of SmolLM2", rows / ours, "rows/s"),
    ]


if __name__ == "__main__":
    write_figures(measure(), "python -m jobs.bench_tuning")
