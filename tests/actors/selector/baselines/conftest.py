"""A toy world: two topics, candidates good at one or the other, and all they ever did."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

from actors.examiner.card import CapabilityCard
from actors.examiner.outcomes import OutcomeMatrix, cards_from_outcomes
from actors.selector.baselines.registry import Context
from cluster.settings import SelectorSettings

TOPICS = {"algebra": "Solve equation {}.", "history": "What happened in year {}?"}
# Chances of a right answer in each topic. No two sum up alike: one is the best single one.
CHANCES = {"a": (0.9, 0.3), "b": (0.25, 0.85), "c": (0.5, 0.55), "d": (0.1, 0.1)}


def embed(texts: Sequence[str]) -> NDArray[np.float32]:
    """Embeddings of which the first two numbers tell the topic, and the others nothing."""
    return np.array([_vector(text) for text in texts], np.float32).reshape(-1, 8)


def _vector(text: str) -> NDArray[np.float64]:
    noise = np.random.default_rng(_number(text)).normal(0, 0.3, 8)
    noise[0 if text.startswith("Solve") else 1] += 1
    return noise


def _number(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


def make_matrix(first: int, per_topic: int) -> OutcomeMatrix:
    asked = [
        (topic, wording.format(number))
        for topic, wording in TOPICS.items()
        for number in range(first, first + per_topic)
    ]
    topics, texts = [topic for topic, _ in asked], [text for _, text in asked]
    topic_N = [list(TOPICS).index(topic) for topic in topics]
    chances_NM = np.array(list(CHANCES.values())).T[topic_N]
    drawn_NM = np.random.default_rng(first).random(chances_NM.shape)
    return OutcomeMatrix(
        question_ids=texts,
        prompts=texts,
        texts=texts,
        datasets=["toy"] * len(texts),
        categories=topics,
        tasks=topics,
        candidates=list(CHANCES),
        scores_NM=(drawn_NM < chances_NM).astype(np.float32),
    )


@pytest.fixture(scope="session")
def models(
    tiny_sources: Callable[..., SelectorSettings], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """Folders of a tiny sentence encoder and a tiny cross-encoder."""
    encoder = tiny_sources([*TOPICS.values(), "yes no 1 2 3 4 5 6 7 8 9"]).encoder
    folder = tmp_path_factory.mktemp("cross")
    write_cross_encoder(folder, encoder)
    return {"encoder": encoder, "cross-encoder": str(folder)}


def write_cross_encoder(folder: Path, tokenizer_of: str) -> None:
    """A BERT with one output that reads what another one reads."""
    tokenizer = AutoTokenizer.from_pretrained(tokenizer_of)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=64,
        initializer_range=0.3,
        num_labels=1,
    )
    BertForSequenceClassification(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


@pytest.fixture(scope="session")
def past() -> OutcomeMatrix:
    """600 past questions."""
    return make_matrix(0, 300)


@pytest.fixture(scope="session")
def cards(past: OutcomeMatrix) -> list[CapabilityCard]:
    return cards_from_outcomes(past, "test")


@pytest.fixture(scope="session")
def context(models: dict[str, str]) -> Context:
    """200 other questions that are asked, and all that baselines draw on besides the past."""
    asked = make_matrix(1000, 100)
    encoders = dict.fromkeys(["embedding-reranker", "bge", "gte"], models["encoder"])
    crosses = dict.fromkeys(["reranker", "bge-reranker", "cappy"], models["cross-encoder"])
    outputs = {
        (model_id, text): f"{model_id} says {_number(model_id + text) % 10}"
        for model_id in CHANCES
        for text in asked.texts
    }
    return Context(embed, asked, seed=0, outputs=lambda: outputs, sources=encoders | crosses)
