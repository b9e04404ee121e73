"""The losses of tuning, pure functions of log-odds.

A group is a set of rows that are compared with each other: instructions under one candidate's
card (paper: eq. 5), or candidates' cards with one instruction. Every loss is a mean over groups,
so that the parts of a batch, on several workers or one after the other, average to the whole.

Shapes: G groups, K rows of the largest group; in smaller ones the scores are filled up with NaN.
"""

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, softplus

from cluster.tables import RIGHT


def loss_of(name: str, log_odds_GK: Tensor, scores_GK: Tensor) -> Tensor:
    """The loss that ``tuning.loss`` names; which groups it gets is ``groups``' business."""
    if name == "likelihood":
        return likelihood(log_odds_GK, scores_GK)
    if name == "anchored":
        return contrast(log_odds_GK, scores_GK) + likelihood(log_odds_GK, scores_GK)
    return contrast(log_odds_GK, scores_GK)


def contrast(log_odds_GK: Tensor, scores_GK: Tensor) -> Tensor:
    """-log of the chance that a right row is picked from among itself and the group's wrong ones.

    h picks the row that the decoder says 'Yes' to most, so the chance is a softmax over log-odds.
    Of a group the mean over its right rows: with one of them it is eq. 5. A group without right
    or without wrong rows has nothing to compare and counts as 0.
    """
    wrong_GK, right_GK = scores_GK < RIGHT, scores_GK >= RIGHT
    least = torch.finfo(log_odds_GK.dtype).min
    against_G1 = log_odds_GK.masked_fill(~wrong_GK, least).logsumexp(1, keepdim=True)
    terms_GK = softplus(against_G1 - log_odds_GK)
    return _mean_of_groups(terms_GK, right_GK)


def likelihood(log_odds_GK: Tensor, scores_GK: Tensor) -> Tensor:
    """Binary cross-entropy of each row with its score: it makes Pr('Yes') a frequency."""
    terms_GK = binary_cross_entropy_with_logits(
        log_odds_GK, scores_GK.nan_to_num(), reduction="none"
    )
    return _mean_of_groups(terms_GK, ~scores_GK.isnan())


def _mean_of_groups(terms_GK: Tensor, counts_GK: Tensor) -> Tensor:
    """The mean over groups of the mean over the rows that count."""
    sums_G = terms_GK.masked_fill(~counts_GK, 0.0).sum(1)
    return (sums_G / counts_GK.sum(1).clamp(min=1)).mean()
