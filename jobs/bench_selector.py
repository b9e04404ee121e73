"""How packed scoring grows with the candidates: time, memory and agreement, against their bars.

``python -m jobs.bench_selector`` prints the figures and appends them to build/bench.jsonl. The
decoder has SmolLM2-135M's shape and random weights, so that no model need be there. Times are
medians of repetitions that take turns, and count only as ratios within one run.
"""

import resource
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from statistics import median
from timeit import timeit

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import StaticEmbedding
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from actors.selector.capability import CardTokens
from actors.selector.network import ModelSat
from actors.selector.packed import packed_log_odds
from actors.selector.scoring import one_by_one_log_odds
from cluster.settings import SelectorSettings
from jobs.bench import Figure, write_figures

INSTRUCTION_TOKENS, CAPABILITY_TOKENS, REPETITIONS, BUDGET = 256, 4, 5, 4096
SMOLLM2 = {"hidden_size": 576, "intermediate_size": 1536, "vocab_size": 49152} | {
    "num_hidden_layers": 30, "num_attention_heads": 9, "num_key_value_heads": 3
}  # fmt: skip


def network(order: str) -> ModelSat:
    """A selector with random weights and a stub for its encoder: cards count as read already."""
    words = Tokenizer(models.WordLevel({"[UNK]": 0, "Yes": 1, "No": 2}, "[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    encoder = SentenceTransformer(modules=[StaticEmbedding(words, embedding_dim=8)], device="cpu")
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, unk_token="[UNK]")
    settings = SelectorSettings.model_validate({"encoder": "-", "decoder": "-", "order": order})
    torch.manual_seed(0)
    return ModelSat(encoder, LlamaForCausalLM(LlamaConfig(**SMOLLM2)), tokenizer, settings)


def score(model: ModelSat, candidates: int, packed: bool = True) -> torch.Tensor:
    """Log-odds of one instruction for that many candidates."""
    ids = [*range(100, 100 + INSTRUCTION_TOKENS), *model.inquiry.inquiry]
    draw = torch.Generator().manual_seed(0)
    tokens = torch.randn(candidates, CAPABILITY_TOKENS, 576, generator=draw)
    cards = [CardTokens(one, level=0.0) for one in tokens]
    return (packed_log_odds if packed else one_by_one_log_odds)(model, [ids], cards, BUDGET)


def peak_memory(candidates: int) -> int:
    """Peak memory, as the system counts it, of a new process that scores so many in one pass."""
    with ProcessPoolExecutor(1, get_context("spawn")) as fresh:
        return fresh.submit(_peak_memory_here, candidates).result()


def _peak_memory_here(candidates: int) -> int:
    score(network("instruction-first"), candidates)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def measure() -> list[Figure]:
    """Time, memory and agreement; the paper's order beside them."""
    paper, ours = network("card-first"), network("instruction-first")
    packed = [partial(score, ours, candidates) for candidates in (1, 8, 64)]
    alone = [partial(score, paper, candidates, packed=False) for candidates in (1, 8)]
    rounds = [[timeit(case, number=1) for case in packed + alone] for _ in range(1 + REPETITIONS)]
    one, eight, many, paper_one, paper_eight = map(median, zip(*rounds[1:], strict=True))
    apart = (score(ours, 64) - score(ours, 64, packed=False)).abs().max().item()
    memory_one, memory_many = peak_memory(1), peak_memory(64)
    return [
        Figure("packed scoring: time of 8 candidates to 1", eight / one, "ratio", at_most=1.3),
        Figure("packed scoring: time of 64 candidates to 1", many / one, "ratio", at_most=2.5),
        Figure(
            "packed scoring: peak memory of 64 candidates to 1",
            memory_many / memory_one,
            "ratio",
            at_most=2,
        ),
        Figure("packed scoring: furthest from one by one", apart, "log-odds", at_most=1e-4),
        Figure("paper's order: time of 8 candidates to 1", paper_eight / paper_one, "ratio"),
        Figure("packed scoring: time of 1 candidate", one, "seconds"),
    ]


if __name__ == "__main__":
    write_figures(measure(), "python -m jobs.bench_selector")
