"""What the layers of a sentence encoder say of a text, pooled over its tokens.

Sentence encoders are trained to say what a text is about in their last layer. Which candidate can
do an instruction hangs as much on its form (a calculation, a definition, a long case), and that is
told best by the layers below.

Shapes: N texts, L layers, E width of the encoder, T tokens.
"""

import copy
from collections.abc import Sequence
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from torch import Tensor, nn
from transformers import PreTrainedModel

from actors.selector.instruction import clipped, shortened
from actors.selector.int8 import OfTokens, in_int8
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
            SettingsError: the encoder has no such layer. When it first pools: the encoder is none
                that int8 knows.
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
        """Has the layers pooled on ``device`` from now on."""
        self._device = torch.device(device)
        self.__dict__.pop("_pooled", None)
        return self

    @cached_property
    def _pooled(self) -> OfTokens:
        # A copy: the encoder itself stays whole and exact, as checkpoints save it.
        transformer = copy.deepcopy(self.encoder[0].auto_model).eval()
        if blocks := getattr(getattr(transformer, "encoder", None), "layer", None):
            transformer.encoder.layer = blocks[: max(1, *self.layers)]  # the rest is not read
        network = _Pooled(transformer, self.layers).to(self._device)
        in_integers = self.precision == "int8" and self._device.type == "cpu"
        return in_int8(network) if in_integers else network.of

    @property
    def width(self) -> int:
        """E."""
        width: int = self.encoder[0].auto_model.config.hidden_size
        return width

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
        # Nothing attends to what fills up a row, whatever it is.
        ids_BT = np.zeros((len(ids_B), max(map(len, ids_B))), np.int64)
        mask_BT = np.zeros_like(ids_BT)
        for row, ids in enumerate(ids_B):
            ids_BT[row, : len(ids)], mask_BT[row, : len(ids)] = ids, 1
        return self._pooled(ids_BT, mask_BT)


class _Pooled(nn.Module):
    """A transformer that gives the means over a text's tokens of some hidden states."""

    def __init__(self, transformer: PreTrainedModel, layers: Sequence[int]) -> None:
        super().__init__()
        self.transformer = transformer
        self.layers = list(layers)

    def forward(self, ids_BT: Tensor, mask_BT: Tensor) -> Tensor:
        """``[B, L, E]``"""
        states = self.transformer(
            input_ids=ids_BT, attention_mask=mask_BT, output_hidden_states=True
        ).hidden_states
        mask_BT1 = mask_BT.unsqueeze(-1)
        means_LBE = [(states[layer] * mask_BT1).sum(1) / mask_BT1.sum(1) for layer in self.layers]
        return torch.stack(means_LBE, 1)

    @torch.inference_mode()
    def of(self, ids_BT: NDArray[np.int64], mask_BT: NDArray[np.int64]) -> NDArray[np.float32]:
        """As ``forward``, of arrays."""
        device = self.transformer.device
        found_BLE = self(*(torch.from_numpy(array).to(device) for array in (ids_BT, mask_BT)))
        pooled_BLE: NDArray[np.float32] = found_BLE.float().cpu().numpy()
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
