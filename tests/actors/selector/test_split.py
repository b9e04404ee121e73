from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    BloomConfig,
    BloomModel,
    GraniteConfig,
    GraniteModel,
    PreTrainedModel,
)

from actors.selector.checkpoint import load, save
from actors.selector.network import create
from actors.selector.scoring import Selector
from actors.selector.split import split
from cluster.errors import SettingsError
from cluster.settings import SelectorSettings
from cluster.store import Store

SHAPE = {"vocab_size": 50, "hidden_size": 16, "num_hidden_layers": 3}


@pytest.fixture(params=["llama", "gemma3"])
def decoder(
    request: pytest.FixtureRequest, tiny_sources: Callable[..., SelectorSettings]
) -> PreTrainedModel:
    settings = tiny_sources(kind=request.param, layers=4)
    found = AutoModelForCausalLM.from_pretrained(settings.decoder).base_model
    assert isinstance(found, PreTrainedModel)
    return found


def states(part: torch.nn.Module, embeds_BTD: torch.Tensor) -> torch.Tensor:
    found: torch.Tensor = part(inputs_embeds=embeds_BTD, use_cache=False).last_hidden_state
    return found


@pytest.mark.parametrize("layer", [1, 2, 3])
def test_the_parts_in_turn_are_the_decoder(decoder: PreTrainedModel, layer: int) -> None:
    lower, upper = split(decoder, layer)
    assert lower is not None
    embeds_BTD = torch.randn(2, 40, decoder.config.hidden_size)  # longer than Gemma's windows
    with torch.no_grad():
        expected = states(decoder, embeds_BTD)
        between = states(lower, embeds_BTD)
        torch.testing.assert_close(states(upper, between), expected, atol=1e-5, rtol=0)
    assert not torch.allclose(between, expected, atol=0.1)
    ours = {id(weight) for part in (lower, upper) for weight in part.parameters()}
    assert ours == {id(weight) for weight in decoder.parameters()}


def test_no_layer_means_the_decoder_itself(decoder: PreTrainedModel) -> None:
    assert split(decoder, 0) == (None, decoder)


def test_a_layer_must_be_left(decoder: PreTrainedModel) -> None:
    with pytest.raises(SettingsError, match=r"capability_layer'.*below the decoder's 4 layers.* 4"):
        split(decoder, 4)


def test_a_decoder_that_does_more_than_run_its_layers_is_refused() -> None:
    scales = GraniteConfig(**SHAPE, num_attention_heads=2, embedding_multiplier=12.0)
    with pytest.raises(SettingsError, match=r"run apart; found GraniteModel"):
        split(GraniteModel(scales), 1)
    with pytest.raises(SettingsError, match=r"run apart; found BloomModel"):
        split(BloomModel(BloomConfig(vocab_size=50, hidden_size=16, n_layer=3, n_head=2)), 1)


def test_little_is_padded_where_instructions_are_read_alone(
    tiny_sources: Callable[..., SelectorSettings], tmp_path: Path
) -> None:
    settings = tiny_sources(layers=4, order="instruction-first", capability_layer=2)
    model = create(settings, Store(str(tmp_path / "store")), seed=0)
    ids_N = [list(range(5, 5 + length)) for length in (3, 60, 4, 11, 58, 3, 10)]
    seen: list[int] = []
    first = model.decoder.base_model.layers[0].self_attn.q_proj
    first.register_forward_hook(lambda _, args, __: seen.append(args[0].shape[:2].numel()))
    with torch.no_grad():
        found = model.words(ids_N)
        assert sum(seen) < 1.1 * sum(map(len, ids_N))
        for ids, words_TD in zip(ids_N, found, strict=True):
            torch.testing.assert_close(words_TD, model.words([ids])[0], atol=1e-5, rtol=0)


def test_a_selector_with_parts_is_saved_and_loaded(
    tiny_sources: Callable[..., SelectorSettings], make_card: Callable[..., object], tmp_path: Path
) -> None:
    settings = tiny_sources(layers=4, order="instruction-first", capability_layer=2)
    model = create(settings, Store(str(tmp_path / "store")), seed=0)
    save(model, tmp_path / "selector")
    again = load(tmp_path / "selector")
    texts, cards = ["Why?", "Name a river."], [make_card("a", [0.2]), make_card("b", [0.9])]
    expected = Selector(model).scores(texts, cards)  # type: ignore[arg-type]
    assert (Selector(again).scores(texts, cards) == expected).all()  # type: ignore[arg-type]
