from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch

from actors.examiner.card import CapabilityCard
from actors.selector.network import ModelSat, create
from cluster.errors import SettingsError, StoreError, UserError
from cluster.settings import SelectorSettings
from cluster.store import Store

FIFTY = [0.02 * index for index in range(50)]
QUESTIONS = ["Why?", "What is the capital of France?", "Name a prime number. " * 12]


@pytest.fixture
def model(tiny_sources: Callable[..., SelectorSettings], tmp_path: Path) -> ModelSat:
    return create(tiny_sources(), Store(str(tmp_path / "store")), seed=0)


@torch.no_grad()
def log_odds_by_hand(model: ModelSat, windows: Sequence[str], ids: list[int]) -> float:
    """Eqs. 2-4 for one row, without padding, from plain matrix products."""
    tokenizer, bert = model.encoder.tokenizer, model.encoder[0].auto_model
    vectors = []
    for window in windows:
        states_TE = bert(**tokenizer(window, return_tensors="pt")).last_hidden_state[0]
        vectors.append(states_TE.mean(0))  # the tiny encoder pools by the mean
    e_c = torch.stack(vectors) @ model.connector.get_parameter("weight").T
    e_x = model.decoder.model.embed_tokens(torch.tensor(ids))
    states_1TD = model.decoder.model(inputs_embeds=torch.cat([e_c, e_x])[None]).last_hidden_state
    logits_V = model.decoder.lm_head.weight @ states_1TD[0, -1]
    return float(logits_V[model.inquiry.yes] - logits_V[model.inquiry.no])


def test_equations_2_to_4_by_hand(
    model: ModelSat, make_card: Callable[..., CapabilityCard]
) -> None:
    cards = [model.capability(make_card("a", FIFTY)), model.capability(make_card("b", FIFTY[:4]))]
    ids_B = [model.inquiry.ids(question) for question in QUESTIONS]
    card_B = [0, 1, 0]
    found_B = model(cards, card_B, ids_B).detach()
    expected = [
        log_odds_by_hand(model, cards[card].texts, ids)
        for card, ids in zip(card_B, ids_B, strict=True)
    ]
    torch.testing.assert_close(found_B, torch.tensor(expected), atol=1e-5, rtol=1e-4)
    # The vocabulary of two answers: sigmoid of the log-odds is the softmax over 'Yes' and 'No'.
    both = torch.softmax(torch.stack([found_B, torch.zeros(3)]), 0)[0]
    torch.testing.assert_close(torch.sigmoid(found_B), both)


def test_a_row_does_not_depend_on_its_batch_mates(
    model: ModelSat, make_card: Callable[..., CapabilityCard]
) -> None:
    cards = [model.capability(make_card("a", FIFTY)), model.capability(make_card("b", FIFTY[:4]))]
    ids_B = [model.inquiry.ids(question) for question in QUESTIONS]
    together_B = model(cards, [0, 1, 1], ids_B)
    alone_B = torch.cat(
        [model([cards[card]], [0], [ids]) for card, ids in zip([0, 1, 1], ids_B, strict=True)]
    )
    torch.testing.assert_close(together_B, alone_B, atol=1e-5, rtol=0)


def test_all_fifty_lines_are_read(
    model: ModelSat, make_card: Callable[..., CapabilityCard]
) -> None:
    card = make_card("a", FIFTY)
    read = model.capability(card)
    packed = read.texts
    assert "\n".join(packed).split("\n") == card.lines()
    assert 1 < len(packed) < 50
    limit = model.encoder.max_seq_length
    assert all(len(model.encoder.tokenizer(text)["input_ids"]) <= limit for text in packed)
    ids_B = [model.inquiry.ids("Why?")]
    for changed in (0, 25, 49):  # each task matters, the last one too
        other = make_card("a", [1.0 if i == changed else a for i, a in enumerate(FIFTY)])
        assert not torch.equal(
            model([read], [0], ids_B), model([model.capability(other)], [0], ids_B)
        )


def test_a_line_longer_than_the_window_is_an_error(
    tiny_sources: Callable[..., SelectorSettings],
    tmp_path: Path,
    make_card: Callable[..., CapabilityCard],
) -> None:
    model = create(tiny_sources(window=16), Store(str(tmp_path)), seed=0)
    with pytest.raises(UserError, match="longer than the encoder's window"):
        model.capability(make_card("a", [0.5], ["a subject with a name of very many words in it"]))


def test_known_vectors_stand_for_their_windows(
    model: ModelSat, make_card: Callable[..., CapabilityCard]
) -> None:
    read = model.capability(make_card("a", FIFTY))
    ids_B = [model.inquiry.ids(question) for question in QUESTIONS]
    encoded = model.encode(read)
    assert torch.equal(model([read], [0, 0, 0], ids_B), model([encoded], [0, 0, 0], ids_B))


def test_gradients_reach_encoder_connector_and_decoder(
    model: ModelSat, make_card: Callable[..., CapabilityCard]
) -> None:
    ids_B = [model.inquiry.ids("Why?")]
    model([model.capability(make_card("a", FIFTY))], [0], ids_B).sum().backward()
    for part in (model.encoder[0].auto_model.encoder, model.connector, model.decoder):
        assert all(weight.grad is not None and weight.grad.any() for weight in part.parameters())


def test_a_reader_that_learns_is_called_once_whatever_the_lengths(
    tiny_sources: Callable[..., SelectorSettings],
    tmp_path: Path,
    make_card: Callable[..., CapabilityCard],
) -> None:
    """Workers that share its layers gather them at each call."""
    settings = tiny_sources(layers=3, order="instruction-first", capability_layer=2)
    model = create(settings, Store(str(tmp_path)), seed=0)
    cards = [model.capability(make_card("a", FIFTY))]
    ids_B = [model.inquiry.ids("many words " * count) for count in (1, 20, 60)]
    calls: list[int] = []
    model.decoder.base_model.layers[0].register_forward_hook(lambda *_: calls.append(1))
    learning_B = model(cards, [0, 0, 0], ids_B)
    assert len(calls) == 1
    with torch.inference_mode():
        scoring_B = model(cards, [0, 0, 0], ids_B)
    assert len(calls) > 2  # where nothing is gathered, little is padded
    torch.testing.assert_close(learning_B, scoring_B, atol=1e-5, rtol=0)


def test_capability_tokens_are_as_long_as_words(
    model: ModelSat, make_card: Callable[..., CapabilityCard]
) -> None:
    tokens_CD = model.tokens(model.capability(make_card("a", FIFTY))).tokens_CD
    word = model.decoder.get_input_embeddings().weight.norm(dim=1).mean()
    assert 0.5 * word < tokens_CD.norm(dim=1).mean() < 2 * word


def test_a_seed_gives_the_same_network(
    tiny_sources: Callable[..., SelectorSettings], tmp_path: Path
) -> None:
    settings, store = tiny_sources(), Store(str(tmp_path))
    weights = [
        create(settings, store, seed).connector.get_parameter("weight") for seed in (1, 1, 2)
    ]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_only_the_first_layers_are_kept(
    tiny_sources: Callable[..., SelectorSettings], tmp_path: Path
) -> None:
    store = Store(str(tmp_path))
    whole = create(tiny_sources(layers=3), store, 0).decoder
    first = create(tiny_sources(layers=3, decoder_layers=1), store, 0).decoder
    assert len(first.model.layers) == first.config.num_hidden_layers == 1
    for name, weight in first.state_dict().items():
        assert torch.equal(weight, whole.state_dict()[name])
    with pytest.raises(SettingsError, match=r"selector.decoder_layers.*has 3 layers; found 4"):
        create(tiny_sources(layers=3, decoder_layers=4), store, 0)


def test_a_decoder_without_a_head_is_an_error(
    tiny_sources: Callable[..., SelectorSettings], tmp_path: Path
) -> None:
    settings = tiny_sources()
    headless = settings.model_copy(update={"decoder": settings.encoder})
    with pytest.raises((StoreError, UserError)):
        create(headless, Store(str(tmp_path)), 0)


def test_bfloat16_multiplies_low_and_keeps_float32_weights(
    tiny_sources: Callable[..., SelectorSettings],
    tmp_path: Path,
    make_card: Callable[..., CapabilityCard],
) -> None:
    exact = create(tiny_sources(), Store(str(tmp_path)), 0)
    rough = create(tiny_sources(dtype="bfloat16"), Store(str(tmp_path)), 0)
    assert {weight.dtype for weight in rough.parameters()} == {torch.float32}
    ids_B = [exact.inquiry.ids(question) for question in QUESTIONS]
    cards = [exact.capability(make_card("a", FIFTY))]
    found, expected = rough(cards, [0, 0, 0], ids_B), exact(cards, [0, 0, 0], ids_B)
    assert found.dtype == torch.float32
    assert not torch.equal(found, expected)
    torch.testing.assert_close(found, expected, atol=0.2, rtol=0.1)
