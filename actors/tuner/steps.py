"""One step of training and one of evaluation, on one device.

Owns how groups become a batch of the network, the step itself, and the figures of held-out
outcomes. Which groups come when is ``course``'s.

Shapes: B rows = G groups x K instructions.
"""

from collections import defaultdict
from collections.abc import Sequence
from statistics import fmean
from typing import NamedTuple

import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn
from torch.nn.functional import softplus
from torch.nn.utils import clip_grad_norm_
from torch.optim import AdamW
from torch.optim.lr_scheduler import LambdaLR

from actors.examiner.card import CapabilityCard
from actors.selector.capability import Capability, Encoded
from actors.selector.network import ModelSat
from actors.selector.scoring import Selector
from actors.tuner.loss import group_loss
from actors.tuner.samples import Group, Record

MAX_NORM = 1.0  # gradients are clipped to this length


class Batch(NamedTuple):
    """What ``ModelSat.forward`` takes, and where each group's positive is."""

    cards: list[Capability | Encoded]
    card_of_row: list[int]
    ids: list[list[int]]
    positives: Tensor


class Batcher:
    """Makes batches of groups. A card is read once, and by a frozen encoder too."""

    def __init__(self, model: ModelSat) -> None:
        """Made anew for each stage: it asks the model whether its encoder learns."""
        self._model = model
        self._frozen = not any(weight.requires_grad for weight in model.encoder.parameters())
        self._cards: dict[str, Capability | Encoded] = {}

    def batch(self, groups: Sequence[Group]) -> Batch:
        """The rows of all groups, one group after the other."""
        texts = list(dict.fromkeys(group.card.text for group in groups))
        cards = {group.card.text: group.card for group in groups}
        return Batch(
            [self._card(cards[text]) for text in texts],
            [texts.index(group.card.text) for group in groups for _ in group.instructions],
            [self._model.inquiry.ids(text) for group in groups for text in group.instructions],
            torch.tensor([group.positive for group in groups], device=self._model.device),
        )

    def _card(self, card: CapabilityCard) -> Capability | Encoded:
        if card.text not in self._cards:
            read = self._model.capability(card)
            with torch.no_grad():
                self._cards[card.text] = self._model.encode(read) if self._frozen else read
        return self._cards[card.text]


def train_step(
    model: nn.Module, batch: Batch, optimizer: AdamW, scheduler: LambdaLR
) -> dict[str, float]:
    """One step down eq. 5. ``model`` is a ModelSat, or one wrapped for several workers."""
    log_odds_B = model(batch.cards, batch.card_of_row, batch.ids)
    loss = group_loss(log_odds_B.view(len(batch.positives), -1), batch.positives)
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    learning = [weight for group in optimizer.param_groups for weight in group["params"]]
    norm = clip_grad_norm_(learning, MAX_NORM)
    rate = optimizer.param_groups[0]["lr"]
    optimizer.step()
    scheduler.step()
    return {"loss": loss.item(), "grad_norm": norm.item(), "lr": rate}


class Prediction(NamedTuple):
    """Log-odds that a candidate does an instruction, and whether it did."""

    model_id: str
    log_odds: float
    right: bool


def predict(model: ModelSat, records: Sequence[Record]) -> list[Prediction]:
    """Predictions for every outcome of ``records``."""
    selector = Selector(model)
    predictions = []
    for card, right, wrong in records:
        log_odds_N = selector.log_odds([*right, *wrong], [card])[:, 0].tolist()
        predictions += [
            Prediction(card.model_id, log_odds, index < len(right))
            for index, log_odds in enumerate(log_odds_N)
        ]
    return predictions


def figures(predictions: Sequence[Prediction]) -> dict[str, float]:
    """What predictions are worth, over the candidates that have both right and wrong outcomes.

    Returns:
        ``auc``: mean over candidates of the chance that a right outcome stands above a wrong one.
        ``auc_pooled``: the same over all these candidates' outcomes at once.
        ``loss``: eq. 5 with every pair of a candidate's right and wrong outcome as a group.
        ``outcomes``: how many were predicted.
        The first three are left out where no candidate has both.
    """
    found = {"outcomes": float(len(predictions))}
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
