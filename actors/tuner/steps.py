"""One step of training and one of evaluation, on one device.

Owns how groups become a batch of the network, the step itself, and the figures of held-out
outcomes. Which groups come when is ``course``'s.

Shapes: B rows, in G groups of K rows at most.
"""

from collections import defaultdict
from collections.abc import Sequence
from itertools import product
from statistics import fmean
from typing import NamedTuple

import numpy as np
import torch
from scipy.special import logit
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn
from torch.nn.functional import softplus
from torch.nn.utils import clip_grad_norm_
from torch.nn.utils.rnn import pad_sequence
from torch.optim import AdamW
from torch.optim.lr_scheduler import LambdaLR

from actors.examiner.card import CapabilityCard
from actors.selector.capability import Capability, Encoded
from actors.selector.network import ModelSat
from actors.selector.scorer import Scorer
from actors.tuner.calibration import Calibration, calibration_error
from actors.tuner.groups import Group
from actors.tuner.loss import loss_of
from actors.tuner.samples import Record
from actors.tuner.sharding import gradients_joined, whole

_AS_IT_IS = Calibration(slope=1.0, bias=0.0)
_NEVER = 1e-7  # a score of 0 or 1 has no log-odds
_MOST_KEPT = 8 * 2**30  # bytes of instructions that were read, on each worker
MAX_NORM = 1.0  # gradients are clipped to this length


class Batch(NamedTuple):
    """What ``ModelSat.forward`` takes, and the scores of each group's rows."""

    cards: list[Capability | Encoded]
    card_of_row: list[int]
    instructions: list[list[int] | Tensor]
    instruction_of_row: list[int]
    sizes: list[int]
    scores_GK: Tensor  # NaN where a group has fewer rows


class Batcher:
    """Makes batches of groups.

    An instruction is tokenised once, and read once by layers of the decoder that do not learn
    (``ModelSat.reader``). A card is cut into windows once, and a frozen encoder reads it once;
    where cards change from step to step, which ``fixed_cards`` denies, it reads each line once.
    What is kept was read alone: beside others it would round as they do, and a course that was
    broken off meets it beside others. So what no longer fits can be read anew each time.
    """

    def __init__(self, model: ModelSat, fixed_cards: bool = True) -> None:
        """Made anew for each stage: it asks the model which parts learn."""
        self._model = model
        self._fixed_cards = fixed_cards
        self._frozen = not _learns(model.card_reader)
        self._cards: dict[str, Capability | Encoded] = {}
        self._lines: dict[str, Tensor] = {}
        self._ids: dict[str, list[int]] = {}
        self._read_once = model.reader is not None and not _learns(model.reader)
        self._words: dict[str, Tensor] = {}
        self._room = _MOST_KEPT

    def batches(self, groups: Sequence[Group], size: int) -> list[Batch]:
        """Batches of ``size`` groups; those of like length share one, so that little is padded."""
        by_length = sorted(
            groups, key=lambda group: max(len(self._tokens(row.instruction)) for row in group)
        )
        return [
            self._batch(by_length[start : start + size]) for start in range(0, len(groups), size)
        ]

    def _batch(self, groups: Sequence[Group]) -> Batch:
        """The rows of all groups, one group after the other; each candidate's card stands once."""
        rows = [row for group in groups for row in group]
        cards = {row.card.model_id: row.card for row in rows}
        places = {model_id: place for place, model_id in enumerate(cards)}
        texts = list(dict.fromkeys(row.instruction for row in rows))
        place_of_text = {text: place for place, text in enumerate(texts)}
        scores = [torch.tensor([row.score for row in group]) for group in groups]
        return Batch(
            [self._card(card) for card in cards.values()],
            [places[row.card.model_id] for row in rows],
            self._instructions(texts),
            [place_of_text[row.instruction] for row in rows],
            [len(group) for group in groups],
            pad_sequence(scores, True, torch.nan).to(self._model.device),
        )

    def _tokens(self, text: str) -> list[int]:
        if text not in self._ids:
            self._ids[text] = self._model.inquiry.ids(text)
        return self._ids[text]

    def _instructions(self, texts: Sequence[str]) -> list[list[int] | Tensor]:
        if not self._read_once:
            return [self._tokens(text) for text in texts]
        return [self._words[text] if text in self._words else self._read(text) for text in texts]

    def _read(self, text: str) -> Tensor:
        with torch.no_grad():
            [words] = self._model.words([self._tokens(text)])
        # As exact as matrices are multiplied, and where there is most memory.
        words = words.to("cpu", getattr(torch, self._model.settings.dtype))
        if words.nbytes <= self._room:
            self._words[text] = words
            self._room -= words.nbytes
        return words

    def _card(self, card: CapabilityCard) -> Capability | Encoded:
        if self._fixed_cards and card.model_id in self._cards:
            return self._cards[card.model_id]
        read = self._model.capability(card)
        with torch.no_grad():
            known = self._model.encode(read, self._psi) if self._frozen else read
        self._cards[card.model_id] = known
        return known

    def _psi(self, texts: Sequence[str]) -> Tensor:
        """psi of a frozen encoder, ``[C, E]``; lines of cards come again and again."""
        if self._model.settings.capability != "tasks":  # windows of many lines hardly ever do
            return self._model.psi(texts)
        for text in texts:
            if text not in self._lines:
                [self._lines[text]] = self._model.psi([text])
        return torch.stack([self._lines[text] for text in texts])


def _learns(part: nn.Module) -> bool:
    return any(weight.requires_grad for weight in part.parameters())


def train_step(
    model: nn.Module, batches: Sequence[Batch], loss: str, optimizer: AdamW, scheduler: LambdaLR
) -> dict[str, float]:
    """One step down a loss of ``tuning.loss``, averaged over the batches.

    Their gradients pile up, and workers exchange them once. ``model`` is a ModelSat, or one wrapped
    or sharded for several workers.
    """
    optimizer.zero_grad()
    total = 0.0
    for number, batch in enumerate(batches, 1):
        with gradients_joined(model, number == len(batches)):
            part = batch_loss(model, batch, loss) / len(batches)
            part.backward()  # type: ignore[no-untyped-call]
        total += part.item()
    learning = [weight for group in optimizer.param_groups for weight in group["params"]]
    norm = whole(clip_grad_norm_(learning, MAX_NORM))
    rate = optimizer.param_groups[0]["lr"]
    optimizer.step()
    scheduler.step()
    return {"loss": total, "grad_norm": norm.item(), "lr": rate}


def batch_loss(model: nn.Module, batch: Batch, loss: str) -> Tensor:
    """The loss of one batch, a scalar."""
    log_odds_B = model(batch.cards, batch.card_of_row, batch.instructions, batch.instruction_of_row)
    log_odds_GK = pad_sequence(log_odds_B.split(batch.sizes), batch_first=True)
    return loss_of(loss, log_odds_GK, batch.scores_GK)


class Prediction(NamedTuple):
    """Log-odds that a candidate does an instruction, and whether it did."""

    model_id: str
    log_odds: float
    right: bool


def predict(scorer: Scorer, records: Sequence[Record]) -> list[Prediction]:
    """Predictions for every outcome of ``records``.

    A text is scored once, for all candidates that were asked it: that is one pass of an encoder or
    a packed decoder, and nobody is scored in vain.
    """
    outcomes = [
        (text, place, mark)
        for place, (_, right, wrong) in enumerate(records)
        for mark, texts in ((True, right), (False, wrong))
        for text in texts
    ]
    asked: dict[str, set[int]] = defaultdict(set)  # who was asked a text, by place in ``records``
    for text, place, _ in outcomes:
        asked[text].add(place)
    alike: dict[tuple[int, ...], list[str]] = defaultdict(list)  # texts that the same were asked
    for text, who in asked.items():
        alike[tuple(sorted(who))].append(text)
    log_odds: dict[tuple[str, int], float] = {}
    for places, texts in alike.items():
        scores_NM = scorer.scores(texts, [records[place].card for place in places])
        log_odds_NM = logit(scores_NM.astype(np.float64).clip(_NEVER, 1 - _NEVER))
        log_odds.update(zip(product(texts, places), log_odds_NM.ravel().tolist(), strict=True))
    return [
        Prediction(records[place].card.model_id, log_odds[text, place], mark)
        for text, place, mark in outcomes
    ]


def log_odds_and_marks(predictions: Sequence[Prediction]) -> tuple[list[float], list[bool]]:
    """The log-odds of all predictions, and which of them came out right."""
    return [row.log_odds for row in predictions], [row.right for row in predictions]


def figures(
    predictions: Sequence[Prediction], calibration: Calibration | None = None
) -> dict[str, float]:
    """What predictions are worth, over the candidates that have both right and wrong outcomes.

    Args:
        predictions: as the network makes them.
        calibration: that scores are corrected by where they are served.

    Returns:
        ``auc``: mean over candidates of the chance that a right outcome stands above a wrong one.
        ``auc_pooled``: the same over all these candidates' outcomes at once.
        ``loss``: eq. 5 with every pair of a candidate's right and wrong outcome as a group.
        ``ece``: the calibration error of Pr('Yes') as it is served, over all outcomes. Of a
            ``calibration`` that was fitted to these very outcomes it is what is left.
        ``outcomes``: how many were predicted.
        The first three are left out where no candidate has both.
    """
    log_odds, right = log_odds_and_marks(predictions)
    served_N = (calibration or _AS_IT_IS).probabilities(np.array(log_odds))
    found = {"outcomes": float(len(predictions)), "ece": calibration_error(served_N, right)}
    by_candidate = defaultdict(list)
    for prediction in predictions:
        by_candidate[prediction.model_id].append(prediction)
    both = [rows for rows in by_candidate.values() if len({row.right for row in rows}) == 2]
    if both:
        found["auc"] = fmean(map(_auc, both))
        found["auc_pooled"] = _auc([row for rows in both for row in rows])
        found["loss"] = fmean(map(_pair_loss, both))
    return found


def _auc(rows: Sequence[Prediction]) -> float:
    return float(roc_auc_score([row.right for row in rows], [row.log_odds for row in rows]))


def _pair_loss(rows: Sequence[Prediction]) -> float:
    """Eq. 5 with every pair of a right and a wrong outcome as a group of two."""
    right_N1 = torch.tensor([[row.log_odds] for row in rows if row.right])
    wrong_N = torch.tensor([row.log_odds for row in rows if not row.right])
    return softplus(wrong_N - right_N1).mean().item()
