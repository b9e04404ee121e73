from collections.abc import Callable

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer

from actors.selector.layers import LayerPool, Remembering
from cluster.errors import SettingsError
from cluster.settings import SelectorSettings

TEXTS = ["The model achieves accuracy", "accuracy 5% on the task of", "task"]


@pytest.fixture(scope="module")
def encoder(tiny_sources: Callable[..., SelectorSettings]) -> SentenceTransformer:
    return SentenceTransformer(tiny_sources().encoder, device="cpu")


def test_layers_are_means_over_a_texts_tokens(encoder: SentenceTransformer) -> None:
    pooled_NLE = LayerPool(encoder, [0, 2], 64)(TEXTS)
    assert pooled_NLE.shape == (3, 2, 32)
    alone = encoder.tokenizer(TEXTS[1], return_tensors="pt")
    with torch.inference_mode():
        states = encoder[0].auto_model(**alone, output_hidden_states=True).hidden_states
    for place, layer in enumerate((0, 2)):
        expected_E = states[layer][0].mean(0).numpy()
        np.testing.assert_allclose(pooled_NLE[1, place], expected_E, atol=1e-5)


def test_a_long_text_keeps_its_head_and_its_tail(encoder: SentenceTransformer) -> None:
    pool = LayerPool(encoder, [1], 8)  # 6 words and the two special tokens
    words = [f"accuracy {number}" for number in range(20)]
    long, middle = " ".join(words), " ".join(words[:2] + ["task"] * 9 + words[18:])
    head = " ".join(["task"] * 3 + words[3:])
    same, other = pool([long, middle]), pool([long, head])
    np.testing.assert_allclose(same[0], same[1], atol=1e-6)
    assert not np.allclose(other[0], other[1], atol=1e-3)


def test_a_layer_that_is_not_there_is_refused(encoder: SentenceTransformer) -> None:
    with pytest.raises(SettingsError, match=r"'selector.layers': the encoder has 2 layers; found"):
        LayerPool(encoder, [3], 64)


def test_remembered_layers_are_those_of_the_pool(encoder: SentenceTransformer) -> None:
    pool = LayerPool(encoder, [1, 2], 64)
    remembering = Remembering(pool)
    remembering(TEXTS[:1])
    np.testing.assert_allclose(remembering(TEXTS), pool(TEXTS), atol=1e-5)
    assert remembering([]).shape == (0, 2, 32)


def test_integers_change_the_layers_little(encoder: SentenceTransformer) -> None:
    exact, found = LayerPool(encoder, [1, 2], 64)(TEXTS), LayerPool(encoder, [1, 2], 64, "int8")
    assert 0 < np.linalg.norm(found(TEXTS) - exact) / np.linalg.norm(exact) < 0.05
    np.testing.assert_allclose(found(TEXTS)[0], found(TEXTS[:1])[0], atol=1e-5)


def test_the_encoder_itself_is_not_touched(encoder: SentenceTransformer) -> None:
    before = encoder.encode(TEXTS)
    LayerPool(encoder, [1], 64, "int8")
    np.testing.assert_array_equal(encoder.encode(TEXTS), before)
