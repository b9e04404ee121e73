"""What the fast selector's candidates have in common, and what each does beyond that.

Owns how levels, strengths, strays, their variance and the ease of an exam are told from what
candidates did; the regressions that predict it, and what becomes of all of it, are
``item_response``'s.

Shapes: N instructions, M candidates, O others than one of them, K dimensions of ability, T tasks.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh
from scipy.optimize import minimize_scalar
from sklearn.covariance import LedoitWolf

from actors.examiner.card import CapabilityCard

Floats = NDArray[np.floating]

ENOUGH = 20  # instructions by which a task is known
_UNCOMPARED = 1e-3  # weight for a level of a question that nobody else was asked
_LEAST_SPREAD = 1e-6  # of strengths, as a share of what it is about
_LEFT_OUT = 50  # candidates at most that are left out to see how far one more strays
_ANY_LEVEL = 1.0  # variance of levels, of which nothing is known before
_VARIANCES = (1e-5, 0.1)  # of strays, that are thought possible


def levels(scores_NM: Floats) -> NDArray[np.float64]:
    """How good candidates are in the mean question, ``[M]``: their means where all were asked all.

    Who was asked hard questions mostly has a low mean. So what makes a score, a candidate's level
    and a question's ease, is fitted together by least squares. A question that one candidate alone
    was asked does not tell the two apart: a tiny ridge on ease has it count for the level where
    nothing else does.
    """
    asked_NM = ~np.isnan(scores_NM)
    means_M = np.nanmean(scores_NM, axis=0, dtype=np.float64)
    weight_N = 1 / (asked_NM.sum(axis=1) + _UNCOMPARED)
    ease_N = np.where(asked_NM, scores_NM - means_M, 0.0).sum(axis=1) * weight_N
    # Ease put into the equations of levels: what is left of them holds candidates only.
    equations_MM = np.diag(asked_NM.sum(axis=0)) - (asked_NM.T * weight_N) @ asked_NM
    found: NDArray[np.float64] = means_M - np.linalg.solve(equations_MM, ease_N @ asked_NM)
    return found


def strengths(likeness_MM: Floats, dimensions: int) -> NDArray[np.float64]:
    """The places of candidates along the directions that they have most in common, ``[M, K]``.

    ``likeness_MM`` are products of what was predicted for each two of them.
    """
    M = len(likeness_MM)
    _, directions_MK = eigh(likeness_MM, subset_by_index=[max(0, M - dimensions), M - 1])
    found: NDArray[np.float64] = directions_MK[:, ::-1]  # the greatest first
    return found


def spread(strengths_MK: Floats) -> NDArray[np.float64]:
    """The covariance of strengths, ``[K, K]``; it has an inverse, rounded to float32 as well.

    Two candidates, or any that are alike, differ in fewer than K directions.
    """
    M, K = strengths_MK.shape
    least_KK = _LEAST_SPREAD / M * np.eye(K)  # directions are of length one: variances about 1/M
    found: NDArray[np.float64] = LedoitWolf().fit(strengths_MK).covariance_ + least_KK
    return found


def strays(of_task_NT: NDArray[np.bool_], left_NM: Floats) -> tuple[NDArray[np.float64], float]:
    """How far candidates tuned on stray in each task, ``[T, M]``, and the variance of that.

    Means of what abilities leave over move by chance as well. The variance of strays is how much
    more they move than that; of each mean is kept what is likely to be no chance.
    """
    means_TM, chance_TM, counts_TM = of_tasks(of_task_NT, left_NM)
    certain_TM = np.minimum(counts_TM, ENOUGH)  # few instructions say little of the variance
    excess = (certain_TM * (means_TM**2 - chance_TM)).sum() / max(1.0, certain_TM.sum())
    variance = max(0.0, float(excess))
    return means_TM * variance / np.maximum(variance + chance_TM, 1e-9), variance


class OfTasks(NamedTuple):
    """What candidates did in each task."""

    means_TM: NDArray[np.float64]  # 0 where one was asked nothing
    chance_TM: NDArray[np.float64]  # variance that chance gives those means
    counts_TM: NDArray[np.float64]  # how many instructions they are of


def of_tasks(of_task_NT: NDArray[np.bool_], values_NM: Floats) -> OfTasks:
    """Sums up values of each instruction, NaN where a candidate was not asked."""
    counts_TM = of_task_NT.T.astype(float) @ ~np.isnan(values_NM)
    asked_TM = np.maximum(counts_TM, 1)
    means_TM = of_task_NT.T.astype(float) @ np.nan_to_num(values_NM) / asked_TM
    return OfTasks(means_TM, np.nanvar(values_NM, axis=0) / asked_TM, counts_TM)


def variance_of_joining(
    done: OfTasks, predicted_TM: Floats, likeness_MM: Floats, dimensions: int
) -> float:
    """The variance of strays of candidates that are not tuned on.

    Abilities were found so that they explain the candidates tuned on; as many dimensions as
    candidates explain them wholly. So each is left out in turn, and the variance is the one under
    which its outcomes are most likely, read by the abilities of the others as a card is.

    Args:
        done: scores in each task.
        predicted_TM: their means as predicted, without levels.
        likeness_MM: as in ``strengths``.
        dimensions: of ability.
    """
    M = len(likeness_MM)
    likelihoods = []
    for left_out in range(0, M, -(-M // _LEFT_OUT)):
        others = np.delete(np.arange(M), left_out)
        strengths_OK = strengths(likeness_MM[np.ix_(others, others)], dimensions)
        asked_T = done.counts_TM[:, left_out] > 0
        profiles_TK = predicted_TM[np.ix_(asked_T, others)] @ strengths_OK
        spread_KK = LedoitWolf().fit(strengths_OK).covariance_
        covariance_TT = profiles_TK @ spread_KK @ profiles_TK.T + _ANY_LEVEL
        covariance_TT += np.diag(done.chance_TM[asked_T, left_out])
        beyond_T = done.means_TM[asked_T, left_out] - profiles_TK @ strengths_OK.mean(0)
        likelihoods.append(_Likelihood(beyond_T, covariance_TT))
    found = minimize_scalar(
        lambda log_variance: -sum(each(np.exp(log_variance)) for each in likelihoods),
        bounds=np.log(_VARIANCES),
        method="bounded",
    )
    return float(np.exp(found.x))


class _Likelihood:
    """Log-likelihood of values that are normal, of more variance than their covariance says."""

    def __init__(self, values_T: Floats, covariance_TT: Floats) -> None:
        """Solved once, for all variances."""
        self._energy_T, directions_TT = eigh(covariance_TT)
        self._along_T = directions_TT.T @ values_T

    def __call__(self, variance: float) -> float:
        """Up to a constant; ``variance`` is added to each value's own."""
        energy_T = self._energy_T + variance
        return float(-0.5 * (np.log(energy_T) + self._along_T**2 / energy_T).sum())


def exam_ease(
    cards: Sequence[CapabilityCard], tasks: Sequence[str], expected_TM: Floats
) -> NDArray[np.float64]:
    """How much more of a task's questions in the aptitude test are done than of others, ``[T]``.

    Some twenty questions drawn of a task are easier or harder than most of it, for all alike. What
    the cards of known candidates say beyond their outcomes tells how much; 0 where no card has it.
    """
    beyond: dict[str, list[float]] = {}
    for card, expected_T in zip(cards, expected_TM.T, strict=True):
        expected = dict(zip(tasks, expected_T, strict=True))
        for result in card.tasks:
            if result.task in expected:
                beyond.setdefault(result.task, []).append(result.accuracy - expected[result.task])
    return np.array([np.mean(beyond.get(task, 0.0)) for task in tasks])
