"""Sentence embeddings that are remembered: many baselines, seeds and zoos ask for the same."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer

from actors.selector.network import SAFE


class SentenceEmbedder:
    """Embeds texts with an encoder; a text is encoded once."""

    def __init__(self, source: str, device: str = "cpu") -> None:
        """``source`` is a folder or a hub id."""
        self._encoder = SentenceTransformer(
            source, device=device, trust_remote_code=False, model_kwargs=SAFE
        )
        self._known: dict[str, NDArray[np.float32]] = {}

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embeddings ``[N, E]``, as the encoder pools and normalises them."""
        # The encoder batches by length; a fixed order within a length makes it repeatable.
        new = sorted(set(texts) - self._known.keys())
        if new:
            vectors = self._encoder.encode(new, show_progress_bar=False)
            self._known.update(zip(new, vectors, strict=True))
        width = self._encoder.get_embedding_dimension()
        return np.array([self._known[text] for text in texts], np.float32).reshape(-1, width)
