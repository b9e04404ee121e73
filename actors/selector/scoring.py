"""Scores of many instructions for many candidates, by a tuned network.

Owns ``Selector``, the ``Scorer`` that carries the network: what is scored at all, what is
remembered between calls, and which rows share a batch where each candidate has rows of its own.
What a row's score is, is said in ``network``; how candidates share one pass, in ``packed``.

Shapes: N instructions, M candidates, S shuffles of a card, B rows.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit
from sentence_transformers import SentenceTransformer
from torch import Tensor
from torch.nn.functional import logsigmoid

from actors.examiner.card import CapabilityCard
from actors.selector import checkpoint
from actors.selector.capability import CardTokens
from actors.selector.hub import selector_folder
from actors.selector.network import ModelSat
from actors.selector.packed import packed_log_odds
from actors.selector.scorer import Scorer


class AutoSelector:
    """Loads a selector of either kind, as the auto classes of transformers do."""

    @staticmethod
    def from_pretrained(name: str | Path, device: str = "cpu") -> Scorer:
        """The selector that ``checkpoint.save`` wrote.

        Args:
            name: its folder; or its hub id, ``OWNER/NAME``, where no folder is called so.
            device: where it runs.

        Raises:
            StoreError: the folder is not there, not whole, or of another format.
        """
        folder = selector_folder(name)
        model = checkpoint.load(folder)
        if isinstance(model, ModelSat):
            tuned_on = checkpoint.about(folder)["tuned_on"] or {}
            return Selector(model.to(device), calibration=tuned_on.get("calibration"))
        model.pool.to(device)
        return model


class Selector:
    """A tuned MODEL-SAT network behind ``Scorer``."""

    def __init__(
        self,
        model: ModelSat,
        tokens_per_batch: int = 4096,
        calibration: Mapping[str, float] | None = None,
    ) -> None:
        """How a network scores.

        Args:
            model: the network.
            tokens_per_batch: bounds a batch's tokens, padding included.
            calibration: ``slope`` and ``bias`` that turn log-odds into those of frequencies. One
                with a slope that is not positive is noise, and left aside: it would turn choices
                round.
        """
        self._packed = model.settings.order == "instruction-first"
        self._model = model
        self._tokens_per_batch = tokens_per_batch
        sound = calibration is not None and calibration["slope"] > 0
        self._slope = calibration["slope"] if calibration and sound else 1.0
        self._bias = calibration["bias"] if calibration and sound else 0.0
        self._perturbations = model.settings.perturbations
        self._capabilities: dict[str, list[CardTokens]] = {}  # of a card's tasks and notes

    @property
    def encoder(self) -> SentenceTransformer:
        """The network's capability encoder."""
        return self._model.encoder

    def scores(
        self, instructions: Sequence[str], cards: Sequence[CapabilityCard]
    ) -> NDArray[np.float32]:
        """Pr('Yes') of each instruction and candidate, ``[N, M]`` in [0, 1], calibrated if asked.

        A candidate's scores do not depend on the place it has among ``cards``.
        """
        log_odds_NM = self.log_odds(instructions, cards).double().numpy()
        # Element by element: torch's own rounds by where in a vector register a value stands.
        found: NDArray[np.float32] = expit(self._slope * log_odds_NM + self._bias).astype(
            np.float32
        )
        return found

    @torch.inference_mode()
    def log_odds(self, instructions: Sequence[str], cards: Sequence[CapabilityCard]) -> Tensor:
        """The log-odds behind ``scores``, ``[N, M]`` on the CPU."""
        ids_N = [tuple(self._model.inquiry.ids(instruction)) for instruction in instructions]
        keys_M = [self._remember(card) for card in cards]
        # Each pair once, and in an order of our own: the caller's shall not even move a rounding.
        row, column = _places(ids_N), _places(keys_M)
        tokens = [tokens for key in column for tokens in self._capabilities[key]]
        score = packed_log_odds if self._packed else one_by_one_log_odds
        log_odds = score(self._model, list(row), tokens, self._tokens_per_batch)
        shuffles = max(1, self._perturbations)
        log_odds_NM = _averaged(log_odds.view(len(row), len(column), shuffles))
        return log_odds_NM[[row[ids] for ids in ids_N]][:, [column[key] for key in keys_M]]

    def _remember(self, card: CapabilityCard) -> str:
        """The key under which the capability tokens of a card, and of its shuffles, are kept."""
        key = card.model_dump_json(include={"tasks", "notes"})
        if key not in self._capabilities:
            self._capabilities[key] = [
                self._model.tokens(self._model.capability(shuffle))
                for shuffle in perturbed(card, self._perturbations)
            ]
        return key


def perturbed(card: CapabilityCard, count: int) -> list[CapabilityCard]:
    """The card with its tasks in ``count`` other orders (paper: Performance Inquiry Prompts).

    Always the same ones; the card alone, as it is, where ``count`` is 0.
    """
    if not count:
        return [card]
    orders = [random.Random(seed).sample(card.tasks, len(card.tasks)) for seed in range(count)]
    return [card.model_copy(update={"tasks": tasks}) for tasks in orders]


def _averaged(log_odds_NMS: Tensor) -> Tensor:
    """Log-odds ``[N, M]`` of the mean probability over each card's shuffles."""
    yes_NM = logsigmoid(log_odds_NMS).logsumexp(2)
    return yes_NM - logsigmoid(-log_odds_NMS).logsumexp(2)


Key = TypeVar("Key", str, tuple[int, ...])


def _places(keys: Sequence[Key]) -> dict[Key, int]:
    """The distinct keys, sorted, and the place of each."""
    return {key: place for place, key in enumerate(sorted(set(keys)))}


class _Row(NamedTuple):
    """A pair to score; rows sort by length first."""

    length: int
    instruction: int
    candidate: int


@torch.inference_mode()
def one_by_one_log_odds(
    model: ModelSat,
    ids_N: Sequence[Sequence[int]],
    cards_M: Sequence[CardTokens],
    tokens_per_batch: int,
) -> Tensor:
    """Log-odds of every instruction and candidate, ``[N, M]`` on the CPU, each in a row alone.

    The arguments are those of ``packed.packed_log_odds``; here the model may be of either order.
    """
    log_odds_NM = torch.zeros(len(ids_N), len(cards_M))
    rows = sorted(
        _Row(len(ids) + len(card.tokens_CD), n, m)
        for n, ids in enumerate(ids_N)
        for m, card in enumerate(cards_M)
    )
    for batch in _batches(rows, tokens_per_batch):
        _, n_B, m_B = zip(*batch, strict=True)
        words_B = model.words([ids_N[n] for n in n_B])
        log_odds_B = model.log_odds([cards_M[m] for m in m_B], words_B)
        log_odds_NM[n_B, m_B] = log_odds_B.cpu()
    return log_odds_NM


def _batches(rows: Sequence[_Row], budget: int) -> Iterator[list[_Row]]:
    """Cuts rows, shortest first, where the padded batch would grow over the budget."""
    batch: list[_Row] = []
    for row in rows:
        if batch and row.length * (len(batch) + 1) > budget:
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch
