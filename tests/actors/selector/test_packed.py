from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import BloomConfig, BloomForCausalLM, LlamaConfig, LlamaForCausalLM

from actors.examiner.card import CapabilityCard
from actors.selector import packed
from actors.selector.network import ModelSat, create
from actors.selector.packed import check_decoder, packed_log_odds
from actors.selector.scoring import Selector, one_by_one_log_odds
from cluster.errors import SettingsError
from cluster.settings import SelectorSettings
from cluster.store import Store

# Longer and shorter than the window of 16 tokens that half of the Gemma's layers have.
QUESTIONS = [
    "Why?",
    "Name a prime number. " * 12,
    "What is the capital of France?",
    "Name a river. " * 5,
    "Who?",
]


@pytest.fixture(params=[("llama", 0), ("gemma3", 0), ("llama", 3), ("gemma3", 2)])
def model(
    request: pytest.FixtureRequest, tiny_sources: Callable[..., SelectorSettings], tmp_path: Path
) -> ModelSat:
    kind, layer = request.param
    settings = tiny_sources(kind=kind, layers=4, order="instruction-first", capability_layer=layer)
    return create(settings, Store(str(tmp_path / "store")), seed=0)


@pytest.fixture
def cards(make_card: Callable[..., CapabilityCard]) -> list[CapabilityCard]:
    """Of one to several capability tokens each."""
    sizes = [2, 30, 1, 8, 50, 16]
    return [
        make_card(f"m{m}", [((m + 3 * k) % 11) / 10 for k in range(size)])
        for m, size in enumerate(sizes)
    ]


def alone(model: ModelSat, question: str, card: CapabilityCard) -> float:
    """A pair's log-odds, without padding and without any mask of ours."""
    with torch.no_grad():
        tokens = model.tokens(model.capability(card))
        return float(model.log_odds([tokens], model.words([model.inquiry.ids(question)])))


def passes(model: ModelSat) -> list[int]:
    """Tokens of each pass through the decoder from now on, padding included."""
    seen: list[int] = []

    def note(_: Any, args: Any) -> None:
        seen.append(args[0].shape[:2].numel())

    model.decoder.base_model.layers[-1].self_attn.q_proj.register_forward_pre_hook(note)
    return seen


def test_packed_scores_are_those_of_each_pair_alone(
    model: ModelSat, cards: list[CapabilityCard]
) -> None:
    assert len({len(model.capability(card).texts) for card in cards}) > 3
    packed_NM = Selector(model).log_odds(QUESTIONS, cards)
    alone_NM = torch.tensor([[alone(model, text, card) for card in cards] for text in QUESTIONS])
    torch.testing.assert_close(packed_NM, alone_NM, atol=1e-4, rtol=0)
    assert (packed_NM.std(1) > 1e-2).all()  # candidates do differ
    tokens = [model.tokens(model.capability(card)) for card in cards]
    ids_N = [model.inquiry.ids(text) for text in QUESTIONS]
    one_by_one_NM = one_by_one_log_odds(model, ids_N, tokens, 4096)
    torch.testing.assert_close(packed_NM, one_by_one_NM, atol=1e-4, rtol=0)


def test_rows_to_learn_from_are_scored_like_pairs_alone_in_any_order(
    model: ModelSat, cards: list[CapabilityCard]
) -> None:
    read = [model.capability(card) for card in cards]
    ids_N = [model.inquiry.ids(text) for text in QUESTIONS]
    pairs = [(m, n) for n in range(len(QUESTIONS)) for m in range(len(cards)) if (m + n) % 3]
    pairs = pairs[::2] + pairs[1::2]
    sizes = passes(model)
    card_B, instruction_B = zip(*pairs, strict=True)
    found_B = model(read, card_B, ids_N, instruction_B)
    assert len(sizes) == 1
    known_B = model(read, card_B, model.words(ids_N), instruction_B)
    expected = [alone(model, QUESTIONS[n], cards[m]) for m, n in pairs]
    torch.testing.assert_close(found_B.tolist(), expected, atol=1e-4, rtol=0)
    torch.testing.assert_close(known_B, found_B, atol=1e-6, rtol=0)
    found_B.sum().backward()
    learnt = [name for name, weight in model.decoder.named_parameters() if weight.grad is not None]
    assert len(learnt) == len(list(model.decoder.parameters()))


def test_rows_to_learn_from_are_cut_where_they_get_long(
    model: ModelSat, cards: list[CapabilityCard], monkeypatch: pytest.MonkeyPatch
) -> None:
    read = [model.capability(card) for card in cards]
    ids_N = [model.inquiry.ids(text) for text in QUESTIONS]
    pairs = [(m, n) for n in range(len(ids_N)) for m in range(len(cards))]
    card_B, instruction_B = zip(*pairs, strict=True)
    whole_B = model(read, card_B, ids_N, instruction_B)
    monkeypatch.setattr(packed, "_LONGEST_ROW", 40)
    sizes = passes(model)
    cut_B = model(read, card_B, ids_N, instruction_B)
    torch.testing.assert_close(cut_B, whole_B, atol=1e-5, rtol=0)
    # A pass is as long as its longest row, which cannot be shorter than one candidate makes it.
    longest = max(len(ids) for ids in ids_N) + max(len(one.texts) for one in read)
    assert len(sizes) == 1
    assert sizes[0] % longest == 0


def test_a_candidate_does_not_depend_on_the_others(
    model: ModelSat, cards: list[CapabilityCard]
) -> None:
    tokens = [model.tokens(model.capability(card)) for card in cards]
    ids_N = [model.inquiry.ids(text) for text in QUESTIONS]
    together_NM = packed_log_odds(model, ids_N, tokens, 4096)
    order = [3, 0, 5, 1, 4, 2]
    turned_NM = packed_log_odds(model, ids_N, [tokens[m] for m in order], 4096)
    torch.testing.assert_close(turned_NM, together_NM[:, order], atol=1e-5, rtol=0)
    some_NM = packed_log_odds(model, ids_N, tokens[2:4], 4096)
    torch.testing.assert_close(some_NM, together_NM[:, 2:4], atol=1e-5, rtol=0)


def test_order_of_candidates_and_instructions_moves_not_even_a_rounding(
    model: ModelSat, cards: list[CapabilityCard]
) -> None:
    scores_NM = Selector(model).scores(QUESTIONS, cards)
    order = [3, 0, 5, 1, 4, 2]
    turned_NM = Selector(model).scores(QUESTIONS[::-1], [cards[m] for m in order])
    assert np.array_equal(turned_NM[::-1], scores_NM[:, order])


@pytest.mark.parametrize("budget", [1, 100, 300, 100_000])
def test_the_token_budget_changes_no_score_and_is_kept(
    model: ModelSat, cards: list[CapabilityCard], budget: int
) -> None:
    expected = Selector(model).log_odds(QUESTIONS, cards)
    sizes = passes(model)
    found = Selector(model, tokens_per_batch=budget).log_odds(QUESTIONS, cards)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)
    longest = max(len(model.inquiry.ids(text)) for text in QUESTIONS)
    largest = max(len(model.capability(card).texts) for card in cards)
    assert max(sizes) <= max(budget, longest + largest)


def test_all_candidates_share_one_pass(
    model: ModelSat, make_card: Callable[..., CapabilityCard]
) -> None:
    cards = [make_card(f"m{m}", [m / 64, 1 - m / 64]) for m in range(64)]
    sizes = passes(model)
    Selector(model).scores(QUESTIONS[:1], cards)
    assert sizes == [len(model.inquiry.ids(QUESTIONS[0])) - 1 + 64 * 2]


def test_little_is_padded(model: ModelSat, cards: list[CapabilityCard]) -> None:
    texts = [f"Name a river of length {n}. " * (n % 7 + 1) for n in range(60)]
    sizes = passes(model)
    Selector(model, tokens_per_batch=1000).scores(texts, cards)
    blocks = sum(len(model.capability(card).texts) + 1 for card in cards)
    needed = sum(len(model.inquiry.ids(text)) - 1 + blocks for text in texts)
    assert needed <= sum(sizes) < 1.15 * needed


def test_a_decoder_that_takes_no_mask_is_refused() -> None:
    shape = {"vocab_size": 50, "hidden_size": 16, "num_hidden_layers": 1}
    check_decoder(LlamaForCausalLM(LlamaConfig(**shape, num_attention_heads=2)))
    with pytest.raises(SettingsError, match=r"selector\.order.*BloomForCausalLM"):
        check_decoder(BloomForCausalLM(BloomConfig(**shape, n_head=2)))
    eager = LlamaConfig(**shape, num_attention_heads=2, attn_implementation="eager")
    with pytest.raises(SettingsError, match=r"selector\.order.*LlamaForCausalLM with eager"):
        check_decoder(LlamaForCausalLM(eager))
    layers = LlamaConfig(**shape, num_attention_heads=2, layer_types=["chunked_attention"])
    with pytest.raises(SettingsError, match=r"selector\.order.*chunked_attention"):
        check_decoder(LlamaForCausalLM(layers))
