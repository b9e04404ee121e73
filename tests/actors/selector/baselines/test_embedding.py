import numpy as np
from sentence_transformers import SentenceTransformer

from actors.selector.baselines.embedding import SentenceEmbedder

TEXTS = ["Solve equation 2.", "What happened?", "Solve equation 2.", "2"]


def test_embeddings_are_those_of_the_encoder(models: dict[str, str]) -> None:
    expected = SentenceTransformer(models["encoder"], device="cpu").encode(TEXTS)
    np.testing.assert_allclose(SentenceEmbedder(models["encoder"])(TEXTS), expected, atol=1e-6)


def test_a_text_is_encoded_once(models: dict[str, str]) -> None:
    embed = SentenceEmbedder(models["encoder"])
    encoded: list[int] = []
    embed._encoder.register_forward_hook(lambda *_: encoded.append(1))
    first = embed(TEXTS)
    assert np.array_equal(embed(TEXTS[::-1]), first[::-1])
    assert len(encoded) == 1
    assert embed([]).shape == (0, first.shape[1])
