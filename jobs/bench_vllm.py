"""Tokens a second of a candidate's batch engine against vLLM alone, on the same prompts.

SmolLM2-135M on CPUs, greedy, so that both write the same. Both have answered a first batch before
the clock starts: engine start is left out. ``vllm.LLM.generate`` runs in a process of its own, with
the arguments and variables that the project gives its engines; then the project, through Ray Data.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa

from actors.candidate import placement
from actors.candidate.packaged import prepare
from cluster.settings import RaySettings
from cluster.store import Store
from cluster.zoo import Candidate
from jobs.bench import Figure, write_figures
from jobs.ray_session import ray_session

MODEL, STORE = "smollm2-135m-instruct", "build/bench-store"
BATCH, BATCHES, TOKENS, CORES = 32, 8, 48, 2
ENGINE = {
    "dtype": "float32",
    "enforce_eager": True,
    "max_model_len": 512,
    "max_num_seqs": BATCH,
}


def conversations() -> list[list[dict[str, str]]]:
    """Questions of one length, none of which begins like another; the first batch is to warm up."""
    random = Random(0)
    words = [f"{first}{last}" for first in "bdfgklmnprst" for last in ("an", "el", "ir", "os")]
    texts = [" ".join(random.choices(words, k=24)) for _ in range(BATCH * (1 + BATCHES))]
    return [[{"role": "user", "content": f"{text} ?"}] for text in texts]


def candidate() -> Candidate:
    """The model, as a zoo names it."""
    engine = {"kind": "vllm", "source": f"store://models/{MODEL}", "args": ENGINE}
    return Candidate.model_validate({"id": "smol", "engine": engine, "resources": {"cpus": CORES}})


def alone() -> float:
    """Tokens a second of ``vllm.LLM.generate``, with the arguments that the project gives it."""
    from vllm import LLM, SamplingParams

    from actors.candidate import placement
    from actors.candidate.batch import VllmBatch, batch_engine

    engine = batch_engine(candidate(), Store(STORE), BATCH)
    assert isinstance(engine, VllmBatch)
    arguments = placement.arguments(engine.engine, engine.resources)
    model = LLM(model=engine.source, **arguments)
    tokenizer = model.get_tokenizer()
    prompts = [{"prompt_token_ids": _tokens(tokenizer, messages)} for messages in conversations()]
    sampling = SamplingParams(max_tokens=TOKENS, temperature=0.0)
    model.generate(prompts[:BATCH], sampling, use_tqdm=False)
    begun = time.perf_counter()
    answers = model.generate(prompts[BATCH:], sampling, use_tqdm=False)
    seconds = time.perf_counter() - begun
    return sum(len(answer.outputs[0].token_ids) for answer in answers) / seconds


def _tokens(tokenizer: Any, messages: list[dict[str, str]]) -> list[int]:
    encoded = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=True)
    return list(encoded["input_ids"])


def through_the_project() -> float:
    """Tokens a second of the batch engine; nothing more is fed before the first batch is back."""
    import ray

    from actors.candidate.batch import batch_engine
    from actors.candidate.engine import Sampling

    with tempfile.TemporaryDirectory() as folder:
        warm = Path(folder) / "warm"
        halves = ray.data.from_items([{"warms": True}, {"warms": False}], override_num_blocks=2)
        fed = halves.map_batches(partial(_fed, warm=warm), batch_size=1, batch_format="pyarrow")
        blocks = fed.repartition(target_num_rows_per_block=BATCH)
        answered = batch_engine(candidate(), Store(STORE), BATCH).answer(blocks, Sampling(TOKENS))
        # The driver sees a block only when the next one is there: who answers tells of the first.
        told = answered.map_batches(partial(_told, warm=warm), batch_format="pyarrow")
        tokens = sum(int(row["tokens"]) for row in told.take_all())
        return float(tokens / (time.time() - warm.stat().st_mtime))


def _fed(half: pa.Table, warm: Path) -> pa.Table:
    chats = conversations()
    if half["warms"][0].as_py():
        return pa.table({"messages": chats[:BATCH]})
    while not warm.exists():
        time.sleep(0.05)
    return pa.table({"messages": chats[BATCH:]})


def _told(answers: pa.Table, warm: Path) -> pa.Table:
    assert answers["error"].null_count == answers.num_rows, answers["error"]
    if warm.exists():
        return pa.table({"tokens": [sum(answers["completion_tokens"].to_pylist())]})
    warm.touch()
    return pa.table({"tokens": [0]})


def measure() -> list[Figure]:
    """Both, and their ratio."""
    prepare(Store(STORE), MODEL)
    variables = os.environ | placement.variables(candidate().resources)
    code = "import json; from jobs.bench_vllm import alone; print(json.dumps(alone()))"
    told = subprocess.run(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=True, env=variables
    ).stdout
    plain = float(json.loads(told.splitlines()[-1]))
    with ray_session(RaySettings(num_cpus=16)):
        ours = through_the_project()
    return [
        Figure("batches of a real model to vllm.LLM.generate", ours / plain, "ratio", at_least=0.9),
        Figure("vllm.LLM.generate", plain, "tokens/second"),
    ]


if __name__ == "__main__":
    write_figures(measure(), "python -m jobs.bench_vllm")
