"""What the layers of a sentence encoder say of a text, pooled over its tokens.

Sentence encoders are trained to say what a text is about in their last layer. Which candidate can
do an instruction hangs as much on its form (a calculation, a definition, a long case), and that is
told best by the layers below.

Shapes: N texts, L layers, E width of the encoder, T tokens.
"""

import copy
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer

from actors.selector.instruction import clipped, shortened
from actors.selector.int8 import in_int8
from cluster.errors import SettingsError
from cluster.settings import Precision

_BATCH = 32


class LayerPool:
    """Pools hidden states of some layers of a sentence encoder."""

    def __init__(
        self,
        encoder: SentenceTransformer,
        layers: Sequence[int],
        max_tokens: int,
        precision: Precision = "float32",
    ) -> None:
        """Pools on the encoder's device; ``to`` moves it.

        Args:
            encoder: its first module must be a transformer.
            layers: which hidden states; 0 is what goes into the first layer.
            max_tokens: longer texts keep their head and their tail.
            precision: ``int8`` is several times faster on CPUs; on GPUs it means nothing.

        Raises:
            SettingsError: the encoder has no such layer.
        """
        self.encoder = encoder
        self.layers = list(layers)
        self.max_tokens = max_tokens
        self.precision = precision
        self._limit = min(max_tokens, encoder.max_seq_length or max_tokens)
        there = encoder[0].auto_model.config.num_hidden_layers
        if max(self.layers) > there:
            raise SettingsError(
                f"key 'selector.layers': the encoder has {there} layers; found {max(self.layers)}"
            )
        self.to(encoder.device)

    def to(self, device: str | torch.device) -> "LayerPool":
        """Has the layers pooled on ``device``."""
        # A copy: the encoder itself stays whole and exact, as checkpoints save it.
        transformer = copy.deepcopy(self.encoder[0].auto_model).eval()
        if blocks := getattr(getattr(transformer, "encoder", None), "layer", None):
            transformer.encoder.layer = blocks[: max(1, *self.layers)]  # the rest is not read
        self._device = torch.device(device)
        if self.precision == "int8" and self._device.type == "cpu":
            in_int8(transformer)
        self._transformer = transformer.to(self._device)
        return self

    @property
    def width(self) -> int:
        """E."""
        width: int = self._transformer.config.hidden_size
        return width

    @torch.inference_mode()
    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Mean over a text's tokens of each layer's hidden states, ``[N, L, E]``."""
        ids_N = [self._ids(text) for text in texts]
        pooled_NLE = np.zeros((len(texts), len(self.layers), self.width), np.float32)
        by_length = sorted(range(len(texts)), key=lambda row: len(ids_N[row]))
        for start in range(0, len(texts), _BATCH):
            rows = by_length[start : start + _BATCH]
            pooled_NLE[rows] = self._pool([ids_N[row] for row in rows])
        return pooled_NLE

    def _ids(self, text: str) -> list[int]:
        # Special tokens stand at both ends, so that shortening keeps them.
        text = clipped(text, self._limit)
        ids: list[int] = self.encoder.tokenizer(text, verbose=False)["input_ids"]
        return shortened(ids, self._limit)

    def _pool(self, ids_B: list[list[int]]) -> NDArray[np.float32]:
        padded = self.encoder.tokenizer.pad({"input_ids": ids_B}, return_tensors="pt")
        padded = padded.to(self._device)
        found = self._transformer(
            input_ids=padded["input_ids"],
            attention_mask=padded["attention_mask"],
            output_hidden_states=True,
        )
        mask_BT1 = padded["attention_mask"].unsqueeze(-1)
        pooled_LBE = [
            (found.hidden_states[layer] * mask_BT1).sum(1) / mask_BT1.sum(1)
            for layer in self.layers
        ]
        pooled_BLE: NDArray[np.float32] = torch.stack(pooled_LBE, 1).float().cpu().numpy()
        return pooled_BLE


class Remembering(LayerPool):
    """Layers that are pooled once for each text, for measurements that come back to the same."""

    def __init__(self, pool: LayerPool) -> None:
        """As ``pool``; what it says is kept in memory."""
        super().__init__(pool.encoder, pool.layers, pool.max_tokens, pool.precision)
        self._known: dict[str, NDArray[np.float32]] = {}

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """As ``LayerPool``."""
        new = sorted(set(texts) - self._known.keys())
        self._known.update(zip(new, super().__call__(new), strict=True))
        known = [self._known[text] for text in texts]
        return np.array(known, np.float32).reshape(len(texts), len(self.layers), self.width)
