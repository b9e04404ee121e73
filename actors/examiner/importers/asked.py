"""Which pairs of model and question stand there already: one bit a pair.

Shapes: N pairs, M models, B bytes of a model's questions.
"""

import numpy as np
from numpy.typing import NDArray

Places = NDArray[np.int64]


class Asked:
    """Pairs by their places; grows with the largest ones it has met.

    A million outcomes of 1,000 models take 125 kB.
    """

    def __init__(self) -> None:
        self._bits_MB = np.zeros((64, 1024), np.uint8)

    def first_time(self, models_N: Places, questions_N: Places) -> NDArray[np.bool_]:
        """Which pairs are new, and the first of their kind among these; all are then known."""
        if not len(models_N):
            return np.zeros(0, bool)
        self._grow(int(models_N.max()) + 1, int(questions_N.max()) // 8 + 1)
        _, first = np.unique((models_N << 32) | questions_N, return_index=True)
        new_N = np.zeros(len(models_N), bool)
        new_N[first] = True
        byte_N = models_N * self._bits_MB.shape[1] + (questions_N >> 3)
        bit_N = (1 << (questions_N & 7)).astype(np.uint8)
        bits = self._bits_MB.reshape(-1)
        new_N &= (bits[byte_N] & bit_N) == 0
        np.bitwise_or.at(bits, byte_N, bit_N)
        return new_N

    def _grow(self, models: int, width: int) -> None:
        M, B = self._bits_MB.shape
        if models > M or width > B:
            grown = (
                M if models <= M else max(models, 2 * M),
                B if width <= B else max(width, 2 * B),
            )
            bits_MB = np.zeros(grown, np.uint8)
            bits_MB[:M, :B] = self._bits_MB
            self._bits_MB = bits_MB
