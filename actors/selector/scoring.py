"""Scores of many instructions for many candidates, by a tuned network.

Owns ``Selector``, the ``Scorer`` that carries the network: which rows share a batch, and what is
remembered between calls. What a row's score is, is said in ``network``.

Shapes: N instructions, M candidates, C capability tokens, D width of the decoder.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray

from actors.examiner.card import CapabilityCard
from actors.selector import checkpoint
from actors.selector.network import ModelSat


class _Row(NamedTuple):
    """A pair to score; rows sort by length first, then without regard to the caller's order."""

    length: int
    ids: list[int]
    card_text: str
    instruction: int
    candidate: int


class Selector:
    """A tuned MODEL-SAT network behind ``Scorer``."""

    def __init__(self, model: ModelSat, tokens_per_batch: int = 4096) -> None:
        """``tokens_per_batch`` bounds a batch's tokens, padding included."""
        self._model = model
        self._tokens_per_batch = tokens_per_batch
        self._capabilities: dict[str, torch.Tensor] = {}  # text of a card -> its tokens [C, D]

    @classmethod
    def from_pretrained(cls, folder: str | Path, device: str = "cpu") -> Self:
        """The selector that ``checkpoint.save`` wrote. Raises StoreError if it is not whole."""
        return cls(checkpoint.load(folder).to(device))

    def scores(
        self, instructions: Sequence[str], cards: Sequence[CapabilityCard]
    ) -> NDArray[np.float32]:
        """Pr('Yes') of each instruction and candidate, ``[N, M]`` in [0, 1].

        A candidate's scores do not depend on the place it has among ``cards``.
        """
        return torch.sigmoid(self.log_odds(instructions, cards)).numpy()

    @torch.inference_mode()
    def log_odds(
        self, instructions: Sequence[str], cards: Sequence[CapabilityCard]
    ) -> torch.Tensor:
        """The log-odds behind ``scores``, ``[N, M]`` on the CPU."""
        log_odds_NM = torch.zeros(len(instructions), len(cards))
        for batch in self._batches(self._rows(instructions, cards)):
            log_odds_B = self._model.log_odds(
                [self._capabilities[row.card_text] for row in batch], [row.ids for row in batch]
            )
            places = ([row.instruction for row in batch], [row.candidate for row in batch])
            log_odds_NM[places] = log_odds_B.cpu()
        return log_odds_NM

    def _rows(self, instructions: Sequence[str], cards: Sequence[CapabilityCard]) -> list[_Row]:
        ids_N = [self._model.inquiry.ids(instruction) for instruction in instructions]
        texts_M = [card.text for card in cards]
        tokens_M = [self._tokens(card) for card in cards]
        return sorted(
            _Row(len(tokens_M[m]) + len(ids_N[n]), ids_N[n], texts_M[m], n, m)
            for n in range(len(instructions))
            for m in range(len(cards))
        )

    def _tokens(self, card: CapabilityCard) -> torch.Tensor:
        known = self._capabilities.get(card.text)
        if known is None:
            known = self._model.capability_tokens(self._model.psi(self._model.windows(card)))
            self._capabilities[card.text] = known
        return known

    def _batches(self, rows: Sequence[_Row]) -> Iterator[list[_Row]]:
        """Cuts rows, shortest first, where the padded batch would grow over the budget."""
        batch: list[_Row] = []
        for row in rows:
            if batch and row.length * (len(batch) + 1) > self._tokens_per_batch:
                yield batch
                batch = []
            batch.append(row)
        if batch:
            yield batch
