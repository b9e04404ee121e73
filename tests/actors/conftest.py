"""Tiny networks with random weights and tokenizers made on the spot, for the roles' tests."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Transformer
from sentence_transformers.sentence_transformer.modules import Pooling
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import (
    BertConfig,
    BertModel,
    BertTokenizerFast,
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)

from actors.examiner.card import CapabilityCard, TaskResult
from actors.selector.instruction import INQUIRY, NO, YES
from cluster.settings import SelectorSettings

CORPUS = [f"The model achieves accuracy {percent}% on the task of '." for percent in range(101)]

TinySources = Callable[..., SelectorSettings]


@pytest.fixture(scope="session")
def tiny_sources(tmp_path_factory: pytest.TempPathFactory) -> TinySources:
    """Writes a tiny encoder and a tiny decoder as model folders and returns settings for them.

    The same arguments mean the same folder, and the same models in every run.
    """
    written: dict[object, Path] = {}

    def build(
        corpus: list[str] | None = None,
        *,
        window: int = 64,
        layers: int = 2,
        kind: str = "llama",
        **settings: Any,
    ) -> SelectorSettings:
        texts = [*CORPUS, *(corpus or [])]
        asked = (*texts, window, layers, kind)
        if asked not in written:
            written[asked] = tmp_path_factory.mktemp("tiny")
            torch.manual_seed(0)
            write_encoder(written[asked] / "encoder", texts, window)
            write_decoder(written[asked] / "decoder", texts, layers, kind)
        folder = written[asked]
        return SelectorSettings.model_validate(
            {
                "encoder": str(folder / "encoder"),
                "decoder": str(folder / "decoder"),
                "max_instruction_tokens": 64,
                **settings,
            }
        )

    return build


def write_encoder(folder: Path, texts: list[str], window: int) -> None:
    """A BERT of width 32 that reads words, mean-pooled."""
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    splitter = pre_tokenizers.BertPreTokenizer()
    words = words_of(splitter, texts)
    letters = sorted(set("".join(words)))
    pieces = [*special, *letters, *[f"##{letter}" for letter in letters], *words]
    tokenizer = Tokenizer(models.WordPiece(numbered(pieces), unk_token="[UNK]"))
    tokenizer.pre_tokenizer = splitter
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    fast = BertTokenizerFast(tokenizer_object=tokenizer, model_max_length=window)
    config = BertConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=window,
        initializer_range=0.15,
    )
    BertModel(config).save_pretrained(folder)
    fast.save_pretrained(folder)
    transformer = Transformer(str(folder))
    modules = [transformer, Pooling(32, "mean")]
    SentenceTransformer(modules=modules, device="cpu").save(str(folder), create_model_card=False)


def write_decoder(folder: Path, texts: list[str], layers: int, kind: str) -> None:
    """A decoder of width 48 with tied embeddings that reads bytes and frequent words.

    ``kind``: a Llama, or a Gemma 3 every second layer of which sees 16 tokens back.
    """
    splitter = pre_tokenizers.ByteLevel(add_prefix_space=False)
    merges: dict[tuple[str, str], str] = {}
    for word in [*words_of(splitter, [YES, NO]), *words_of(splitter, [*texts, INQUIRY])]:
        for end in range(1, len(word)):
            merges[word[:end], word[end]] = word[: end + 1]
    pieces = ["<|end|>", *sorted(splitter.alphabet()), *merges.values()]
    tokenizer = Tokenizer(models.BPE(numbered(pieces), list(merges)))
    tokenizer.pre_tokenizer = splitter
    tokenizer.decoder = decoders.ByteLevel()
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|end|>")
    shape = {
        "vocab_size": tokenizer.get_vocab_size(),
        "hidden_size": 48,
        "intermediate_size": 96,
        "num_hidden_layers": layers,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 512,
        "initializer_range": 0.15,
        "tie_word_embeddings": True,
        "bos_token_id": None,
        "eos_token_id": 0,
        "pad_token_id": 0,
    }
    if kind == "gemma3":
        config = Gemma3TextConfig(
            **shape,
            head_dim=12,
            sliding_window=16,
            layer_types=["sliding_attention", "full_attention"] * (layers // 2),
        )
        Gemma3ForCausalLM(config).save_pretrained(folder)
    else:
        LlamaForCausalLM(LlamaConfig(**shape)).save_pretrained(folder)
    fast.save_pretrained(folder)


def words_of(splitter: pre_tokenizers.PreTokenizer, texts: list[str]) -> list[str]:
    return sorted({word for text in texts for word, _ in splitter.pre_tokenize_str(text)})


def numbered(pieces: list[str]) -> dict[str, int]:
    """A vocabulary written out: a trained one would order what is equally frequent by chance."""
    return {piece: index for index, piece in enumerate(dict.fromkeys(pieces))}


MakeCard = Callable[..., CapabilityCard]


@pytest.fixture(scope="session")
def make_card() -> MakeCard:
    """Makes a card with one task for each accuracy."""

    def make(
        model_id: str, accuracies: list[float], names: list[str] | None = None
    ) -> CapabilityCard:
        names = names or [f"subject {index}" for index in range(len(accuracies))]
        tasks = [
            TaskResult(task=name, keywords=[name], accuracy=accuracy, count=20)
            for name, accuracy in zip(names, accuracies, strict=True)
        ]
        return CapabilityCard(model_id=model_id, test="test", tasks=tasks)

    return make
