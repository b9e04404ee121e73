"""What scores are worth: the choice they make, how well they rank, how well they are calibrated.

Every measure here is kept as columns, one value a question, such that a mean weighted by question
gives the figure. So one matrix product gives a figure in all bootstrap samples; row 0 of the
weights is the sample itself.

- The choice: the candidate with the highest score. Candidates with equal scores share it, so that
  their order means nothing: the expected outcome counts.
- AUC: does a score tell right outcomes from wrong ones? The mean over candidates asks this within
  each candidate, the pooled AUC over all pairs. In bootstrap samples it is linearised by placement
  values (DeLong et al. 1988), with questions, not pairs, as the units drawn.
- ECE: mean gap between score and share of right outcomes in bins of equal mass over all pairs, as
  ``actors.tuner.calibration`` has it. The bins stay those of the sample in all bootstrap samples.
  Resampling widens gaps, so the interval of an ECE lies a little above it.

Shapes: N questions, M candidates, S seen ones, C columns, B bootstrap samples, K bins, P pairs.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from actors.tuner.calibration import BINS, bins_of
from cluster.tables import RIGHT

Floats = NDArray[np.floating]
Mask = NDArray[np.bool_]

MEANS = ("accuracy", "score", "best_single", "oracle", "onboarding")


class Judged(NamedTuple):
    """One method in one group of questions."""

    means_NC: Floats  # columns as MEANS; NaN where there is no such figure
    aucs: dict[str, tuple[float, Floats]]  # an AUC and its slopes [N]
    gaps_NK: Floats  # score minus right, summed over a question's pairs in each bin
    pairs: int


def choice(scores_NM: Floats) -> Floats:
    """How much of each question goes to each candidate, ``[N, M]``; rows sum to 1."""
    highest_NM = scores_NM == scores_NM.max(axis=1, keepdims=True)
    shares_NM: Floats = highest_NM / highest_NM.sum(axis=1, keepdims=True)
    return shares_NM


def judge(
    outcomes_NM: Floats, scores_NM: Floats, best: int, seen_M: Mask, probabilities: bool = True
) -> Judged:
    """What a method's scores are worth in some questions.

    Args:
        outcomes_NM: in [0, 1].
        scores_NM: -inf in a whole column: that candidate is never chosen, nor judged.
        best: column of the best single candidate.
        seen_M: candidates that were tuned on; 'onboarding' is the accuracy over choosing among
            them alone, where the zoo has others.
        probabilities: whether scores say how probable a right outcome is; else no AUC, no ECE.
    """
    right_NM = (outcomes_NM >= RIGHT).astype(np.float32)
    shares_NM = choice(scores_NM)
    right_N = (shares_NM * right_NM).sum(axis=1)
    onboarding_N = np.full(len(right_N), np.nan)
    if 0 < seen_M.sum() < len(seen_M):
        shares_NS = choice(scores_NM[:, seen_M])
        onboarding_N = right_N - (shares_NS * right_NM[:, seen_M]).sum(axis=1)
    means = [
        right_N,
        (shares_NM * outcomes_NM).sum(axis=1),
        right_NM[:, best],
        right_NM.max(axis=1),
        onboarding_N,
    ]
    judged_M = np.isfinite(scores_NM).all(axis=0) & probabilities
    right_NM, scores_NM = right_NM[:, judged_M], scores_NM[:, judged_M]
    return Judged(
        np.stack(means, axis=1),
        _aucs(right_NM, scores_NM),
        _gaps(right_NM, scores_NM),
        right_NM.size,
    )


def weighted(judged: Judged, shares_BN: Floats) -> dict[str, Floats]:
    """The figures of each bootstrap sample, ``[B]``; NaN where a figure is not defined.

    Args:
        judged: what ``judge`` made.
        shares_BN: the weight of each question; rows sum to 1.
    """
    figures = dict(zip(MEANS, (shares_BN @ judged.means_NC).T, strict=True))
    for name, (auc, slopes_N) in judged.aucs.items():
        figures[name] = auc + len(slopes_N) * (shares_BN @ slopes_N)
    gap_B = np.abs(shares_BN @ judged.gaps_NK).sum(axis=1) * len(judged.gaps_NK)
    figures["ece"] = gap_B / judged.pairs if judged.pairs else np.full(len(gap_B), np.nan)
    return figures


class Bin(NamedTuple):
    """Pairs with scores alike."""

    score: float  # mean
    right: float  # share
    pairs: int


def reliability(outcomes_P: Floats, scores_P: Floats) -> list[Bin]:
    """Mean score and share of right outcomes in bins of equal mass: a calibration curve."""
    right_P, bin_P = outcomes_P >= RIGHT, bins_of(scores_P)
    masks = [bin_P == bin_ for bin_ in np.unique(bin_P)]
    return [
        Bin(float(scores_P[mask].mean()), float(right_P[mask].mean()), int(mask.sum()))
        for mask in masks
    ]


def auc_slopes(right_P: Floats, scores_P: Floats) -> Floats:
    """How fast the AUC moves with the weight of each pair, ``[P]``; the slopes sum to 0.

    Raises:
        AssertionError: not both right and wrong outcomes are there.
    """
    right = right_P.astype(bool)
    placed_P = np.empty(len(right))
    placed_P[right] = _share_below(scores_P[right], scores_P[~right])
    placed_P[~right] = _share_below(-scores_P[~right], -scores_P[right])
    count_P = np.where(right, right.sum(), (~right).sum())
    slopes_P: Floats = (placed_P - placed_P[right].mean()) / count_P
    return slopes_P


def _share_below(values: Floats, others: Floats) -> Floats:
    """The share of ``others`` that lie below each value; equal ones count half."""
    assert len(others), "an AUC needs right and wrong outcomes"
    others = np.sort(others)
    twice = np.searchsorted(others, values, "left") + np.searchsorted(others, values, "right")
    below: Floats = twice / (2 * len(others))
    return below


def _aucs(right_NM: Floats, scores_NM: Floats) -> dict[str, tuple[float, Floats]]:
    N, M = right_NM.shape
    both = [m for m in range(M) if 0 < right_NM[:, m].sum() < N]
    nothing = (np.nan, np.full(N, np.nan))
    if not both:
        return {"auc": nothing, "auc_pooled": nothing}
    own = [roc_auc_score(right_NM[:, m], scores_NM[:, m]) for m in both]
    slopes = [auc_slopes(right_NM[:, m], scores_NM[:, m]) for m in both]
    pooled_P = auc_slopes(right_NM.ravel(), scores_NM.ravel())
    return {
        "auc": (float(np.mean(own)), np.mean(slopes, axis=0)),
        "auc_pooled": (
            float(roc_auc_score(right_NM.ravel(), scores_NM.ravel())),
            pooled_P.reshape(N, M).sum(axis=1),
        ),
    }


def _gaps(right_NM: Floats, scores_NM: Floats) -> Floats:
    N, M = right_NM.shape
    gaps_NK = np.zeros((N, BINS))
    if right_NM.size:
        question_P = np.repeat(np.arange(N), M)
        np.add.at(gaps_NK, (question_P, bins_of(scores_NM.ravel())), (scores_NM - right_NM).ravel())
    return gaps_NK
