"""What batch routing and the exam cost beside their engines: memory, and engines side by side.

Engines are stand-ins: nothing is computed, an answer takes a fixed time, so that any number of them
fits on two cores. Each run is a process with a Ray of its own. Its memory is the sum of PSS over
all of its processes, driver, workers, Ray's own and the object store: pages that several share
count once. ``python -m jobs.bench_batch 2000000`` compares that many rows with a tenth of them.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from cluster.settings import ItemResponseSettings, RaySettings, Settings
from cluster.store import Store
from jobs.bench import Figure, write_figures
from jobs.ray_session import ray_session

ROWS, SAMPLED_SECONDS = 200_000, 0.5
BATCH, SECONDS_A_BATCH, BATCHES_AN_ENGINE, ENGINES = 16, 2.0, 20, (1, 2, 4, 8)
TASKS, SHOTS, EXAM_BATCH, SECONDS_AN_EXAM = 10, 12, 4, 60.0


def zoo(candidates: int, replicas: int = 1, seconds: float = 0.0) -> dict[str, Any]:
    """Stand-ins that answer at once, or after some seconds."""
    engine = {"kind": "stand-in", "reply": "A", "seconds": seconds}
    resources = {"cpus": 0.25, "max_replicas": replicas}
    ids = [f"candidate-{number:02d}" for number in range(candidates)]
    listed = [{"id": id, "engine": engine, "resources": resources} for id in ids]
    return {"name": "stand-ins", "candidates": listed}


def settings(folder: Path, candidates: dict[str, Any], **sections: Any) -> Settings:
    """A run in a folder, with a zoo."""
    place = folder / "zoo.yaml"
    place.write_text(yaml.safe_dump(candidates))
    sources = {"encoder": str(folder / "encoder")}
    return Settings.model_validate(
        {
            "store": str(folder / "store"),
            "zoo": str(place),
            "selector": {"kind": "item-response", **sources, "layers": [0, 1]},
            "ray": {"num_cpus": 16},
            **sections,
        }
    )


def write_instructions(file: Path, rows: int) -> None:
    """Short questions, each another one."""
    step = 50_000
    with pq.ParquetWriter(file, pa.schema([("prompt", pa.string())])) as writer:
        for start in range(0, rows, step):
            numbers = range(start, min(start + step, rows))
            writer.write_table(
                pa.table({"prompt": [f"What is {n} and {n % 97}?" for n in numbers]})
            )


def put_selector(run: Settings, candidates: int) -> None:
    """The fast selector on an encoder of one narrow layer, and the candidates' cards."""
    from actors.examiner.outcomes import cards_from_outcomes
    from actors.examiner.records import write_card
    from actors.selector.checkpoint import save
    from actors.selector.item_response import pool_of
    from actors.tuner.item_response import ItemResponseLearner
    from jobs.bench_item_response import outcomes

    store, folder = Store(run.store), Path(run.zoo).parent
    assert isinstance(run.selector, ItemResponseSettings)
    known = outcomes(candidates)
    cards = cards_from_outcomes(known, "bench")
    write_encoder(folder / "encoder", known.prompts)
    learner = ItemResponseLearner(pool_of(run.selector, store), run.selector)
    save(learner.fit(known, cards), folder / "tuned", {"test": "bench"})
    store.put_folder(f"selectors/{run.selector_name}", folder / "tuned")
    for card in cards:
        write_card(store, card)


def write_encoder(folder: Path, texts: Sequence[str]) -> None:
    """A sentence encoder with random weights that costs next to nothing."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Transformer
    from sentence_transformers.sentence_transformer.modules import Pooling
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    from transformers import BertConfig, BertModel, BertTokenizerFast

    words = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    words.train_from_iterator(texts, trainers.WordPieceTrainer(special_tokens=special))
    BertTokenizerFast(tokenizer_object=words, model_max_length=16).save_pretrained(folder)
    shape = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1}
    BertModel(
        BertConfig(
            **shape,
            vocab_size=words.get_vocab_size(),
            num_attention_heads=1,
            max_position_embeddings=16,
        )
    ).save_pretrained(folder)
    modules = [Transformer(str(folder)), Pooling(16, "mean")]
    SentenceTransformer(modules=modules, device="cpu").save(str(folder), create_model_card=False)


def route_once(place: str, rows: int) -> None:
    """Routes so many rows with three candidates that answer at once."""
    from actors.router.batch import route
    from cluster.zoo import load_zoo

    folder = Path(place)
    write_instructions(folder / "instructions.parquet", rows)
    routing = {"instructions": str(folder / "instructions.parquet"), "batch_size": 2_000}
    run = settings(folder, zoo(3), routing=routing)
    put_selector(run, 3)
    with ray_session(run.ray):
        counts = route(load_zoo(run.zoo), run, Store(run.store))
    assert sum(counts.values()) == rows, counts


def peak_of(rows: int) -> tuple[float, float]:
    """Peak megabytes of all processes of a run, and its seconds."""
    with tempfile.TemporaryDirectory() as folder:
        code = f"from jobs.bench_batch import route_once; route_once({folder!r}, {rows})"
        begun = time.perf_counter()
        with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.DEVNULL) as process:
            peak = 0
            while process.poll() is None:
                peak = max(peak, _held(process.pid))
                time.sleep(SAMPLED_SECONDS)
        assert process.returncode == 0, "the run failed"
        return peak / 2**20, time.perf_counter() - begun


def _held(pid: int) -> int:
    total = 0
    try:
        family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0
    for process in family:
        try:
            total += process.memory_full_info().pss
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
    return total


def memory(rows: int) -> list[Figure]:
    """Peak memory of ``rows`` instructions against that of a tenth."""
    few, _ = peak_of(rows // 10)
    many, seconds = peak_of(rows)
    return [
        Figure(
            f"batch routing: peak memory of {rows:,} rows to {rows // 10:,}",
            many / few,
            "ratio",
            at_most=1.3,
        ),
        Figure(f"batch routing: peak memory of {rows:,} rows", many, "MB"),
        Figure(f"batch routing: {rows:,} rows, start included", rows / seconds, "rows/second"),
    ]


def route_in_time(folder: Path, engines: int) -> float:
    """Seconds of a batch in each of so many replicas of a candidate, once all of them answer."""
    from actors.router.batch import route
    from cluster.zoo import load_zoo

    rows = BATCH * BATCHES_AN_ENGINE * engines
    write_instructions(folder / "instructions.parquet", rows)
    file = str(folder / "instructions.parquet")
    # Parts of one batch: the first is written when the first batch is answered.
    routing = {"instructions": file, "batch_size": BATCH, "part_rows": BATCH}
    run = settings(folder, zoo(1, engines, SECONDS_A_BATCH), routing=routing)
    put_selector(run, 2)  # one alone has none to be compared with
    counts = route(load_zoo(run.zoo), run, Store(run.store))
    assert sum(counts.values()) == rows, counts
    parts = (folder / "store" / "routed" / "routed" / "answers" / "candidate-00").iterdir()
    written = sorted(part.stat().st_mtime for part in parts)
    # Each replica has given a batch by then, its start behind it.
    return engines * (written[-1] - written[engines - 1]) / (len(written) - engines)


def engines_side_by_side() -> list[Figure]:
    """Rows a second of some engines against as many times those of one; each has as many rows."""
    seconds = {}
    for engines in ENGINES:
        with tempfile.TemporaryDirectory() as folder:
            seconds[engines] = route_in_time(Path(folder), engines)
    return [
        Figure(
            f"batch routing: {engines} simulated engines against {engines} times one",
            seconds[ENGINES[0]] / seconds[engines],
            "ratio",
            at_least=0.9,
        )
        for engines in ENGINES[1:]
    ]


def exam_in_time(candidates: int, engine_seconds: float = SECONDS_AN_EXAM) -> float:
    """Seconds of an exam of so many candidates, whose engines take ``engine_seconds`` for it."""
    from actors.examiner.exam import examine
    from cluster.zoo import load_zoo

    with tempfile.TemporaryDirectory() as folder:
        exam = {"tasks": TASKS, "shots": SHOTS, "batch_size": EXAM_BATCH}
        batches = TASKS * SHOTS / EXAM_BATCH
        listed = zoo(candidates, seconds=engine_seconds / batches)
        run = settings(Path(folder), listed, exam=exam)
        begun = time.perf_counter()
        cards = examine(load_zoo(run.zoo), run, Store(run.store))
        assert len(cards) == candidates
        return time.perf_counter() - begun


def exams_side_by_side() -> list[Figure]:
    """Time of an exam of many candidates, each on an engine of its own, to that of one."""
    one, many = exam_in_time(1), exam_in_time(ENGINES[-1])
    name = f"exam: {ENGINES[-1]} candidates on {ENGINES[-1]} simulated engines to one"
    return [Figure(name, many / one, "ratio", at_most=1.3)]


if __name__ == "__main__":
    compared = memory(int(sys.argv[1]) if len(sys.argv) > 1 else ROWS)
    with ray_session(RaySettings(num_cpus=16)):
        exam_in_time(ENGINES[-1], 0.0)  # Ray's own workers begin once
        timed = [*exams_side_by_side(), *engines_side_by_side()]
    write_figures([*compared, *timed], f"python -m {' '.join(['jobs.bench_batch', *sys.argv[1:]])}")
