"""Tunes the fast selector on past outcomes, in closed form: seconds once texts are encoded.

1. Texts become features of a kernel (Nystroem's approximation over the encoder's layers).
2. A ridge regression predicts how hard an instruction is for all, another one for each candidate
   what is left of its scores, gaps left out. All tell what all share, so that is fitted closely.
3. What the predictions of all candidates have in common is kept: their first K principal
   directions are the demands a(x), and a candidate's place along them its strengths.
4. A logistic regression recognises the task of an instruction.
5. From the candidates tuned on follow how strengths are spread, how far one more candidate strays
   in a task from what abilities explain, and how easy the questions of the aptitude test are. All
   that decides how a card is read.

Shapes: as in ``actors.selector.item_response``, and C features of the kernel.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import pairwise_distances
from sklearn.metrics.pairwise import rbf_kernel

from actors.examiner.card import CapabilityCard
from actors.examiner.outcomes import OutcomeMatrix
from actors.selector.item_response import (
    ItemParameters,
    ItemResponse,
    card_digest,
    standardised,
)
from actors.selector.layers import LayerPool
from actors.tuner.abilities import (
    ENOUGH,
    exam_ease,
    levels,
    of_tasks,
    spread,
    strays,
    strengths,
    variance_of_joining,
)
from actors.tuner.samples import check_cards
from cluster.errors import TableError
from cluster.settings import ItemResponseSettings

Floats = NDArray[np.floating]

_PROBED = 1000  # instructions whose distances set the kernel's width
_RESOLUTION = 0.01  # energy of the directions of the kernel that are kept; all have R together
_DIRECTIONS = 256  # of the kernel that tasks are recognised by
_LOOSENESS = 10.0  # inverse regularisation of the regression that recognises them
_TOLERANCE = 1e-3  # of its gradient
_NEVER = -30.0  # log-odds of a task that no instruction is of


class ItemResponseLearner:
    """A ``Learner`` of fast selectors."""

    def __init__(self, pool: LayerPool, settings: ItemResponseSettings, seed: int = 0) -> None:
        """``pool`` gives the layers that ``settings`` name; ``seed`` draws landmarks."""
        self._pool, self._settings, self._seed = pool, settings, seed

    def fit(self, outcomes: OutcomeMatrix, cards: Sequence[CapabilityCard]) -> ItemResponse:
        """As ``Learner``.

        Raises:
            TableError: fewer than two candidates, one without a card or any outcome, or cards of
                different aptitude tests.
        """
        outcomes = outcomes.of(sorted(outcomes.candidates))  # no order of candidates matters
        cards = _cards_of(outcomes, cards)
        pooled_NLE = self._pool(outcomes.texts)
        tasks = _tasks(outcomes, cards)
        parameters = _fit(pooled_NLE, outcomes, cards, tasks, self._settings, self._seed)
        known = [card_digest(card) for card in cards]
        return ItemResponse(self._pool, self._settings, parameters, cards[0].test, tasks, known)


def _cards_of(outcomes: OutcomeMatrix, cards: Sequence[CapabilityCard]) -> list[CapabilityCard]:
    by_id = {card.model_id: card for card in cards}
    if len(outcomes.candidates) < 2:
        raise TableError(
            f"outcomes: strengths are told by comparing; found {len(outcomes.candidates)} candidate"
        )
    check_cards(outcomes.candidates, by_id)
    for candidate, scores_N in zip(outcomes.candidates, outcomes.scores_NM.T, strict=True):
        if np.isnan(scores_N).all():
            raise TableError(f"outcomes: candidate '{candidate}' was asked no question")
    found = [by_id[candidate] for candidate in outcomes.candidates]
    tests = sorted({card.test for card in found})
    if len(tests) > 1:
        raise TableError(f"cards: all must be of one aptitude test; found {', '.join(tests)}")
    return found


def _tasks(outcomes: OutcomeMatrix, cards: Sequence[CapabilityCard]) -> list[str]:
    """Tasks of the outcomes that have enough instructions, or stand on a card."""
    examined = {result.task for card in cards for result in card.tasks}
    counts = Counter(outcomes.tasks)
    return sorted(task for task in counts if counts[task] >= ENOUGH or task in examined)


def _fit(
    pooled_NLE: NDArray[np.float32],
    outcomes: OutcomeMatrix,
    cards: Sequence[CapabilityCard],
    tasks: Sequence[str],
    settings: ItemResponseSettings,
    seed: int,
) -> ItemParameters:
    flat_NF = pooled_NLE.reshape(len(pooled_NLE), -1)
    mean_F, scale_F = flat_NF.mean(0), flat_NF.std(0) + 1e-3
    features_NF = standardised(pooled_NLE, mean_F, scale_F)
    gamma = settings.kernel_width / _typical_distance(features_NF)
    drawn = np.random.default_rng(seed).permutation(len(features_NF))[: settings.landmarks]
    landmarks_RF = features_NF[np.sort(drawn)]
    map_RC = _nystroem(landmarks_RF, gamma)
    phi_NC = rbf_kernel(features_NF, landmarks_RF, gamma=gamma) @ map_RC
    coefficients_CM, levels_M = _ridges(phi_NC, outcomes.scores_NM, settings)
    centre_C = phi_NC.mean(0)
    levels_M = levels_M + centre_C @ coefficients_CM
    predicted_NM = (phi_NC - centre_C) @ coefficients_CM
    likeness_MM = predicted_NM.T @ predicted_NM
    strengths_MK = strengths(likeness_MM, settings.dimensions)
    of_task_NT = np.array(outcomes.tasks)[:, None] == np.array(tasks, str)
    predicted_TM = (of_task_NT.T @ predicted_NM) / of_task_NT.sum(0)[:, None]
    profiles_TK = predicted_TM @ strengths_MK
    explained_NM = levels_M + predicted_NM @ strengths_MK @ strengths_MK.T
    strays_TM, variance = strays(of_task_NT, outcomes.scores_NM - explained_NM)
    if len(cards) > 2:
        # Who was asked the hard questions of a task does not stray in it.
        ease_NM = predicted_NM - of_task_NT @ predicted_TM
        done = of_tasks(of_task_NT, outcomes.scores_NM)._replace(
            means_TM=of_tasks(of_task_NT, outcomes.scores_NM - ease_NM).means_TM
        )
        variance = variance_of_joining(done, predicted_TM, likeness_MM, settings.dimensions)
    task_weights_CS, task_offset_S = _recogniser(phi_NC, of_task_NT)
    expected_TM = levels_M + profiles_TK @ strengths_MK.T + strays_TM
    return ItemParameters(
        mean=mean_F,
        scale=scale_F,
        gamma=np.array([gamma], np.float32),
        landmarks=_float32(landmarks_RF),
        weights=_float32(map_RC @ coefficients_CM @ strengths_MK),
        offset=_float32(centre_C @ coefficients_CM @ strengths_MK),
        profiles=_float32(profiles_TK),
        task_weights=_float32(map_RC @ task_weights_CS),
        task_offset=_float32(task_offset_S),
        prior_mean=_float32(strengths_MK.mean(0)),
        prior_covariance=_float32(spread(strengths_MK)),
        task_variance=np.array([variance], np.float32),
        exam_ease=_float32(exam_ease(cards, tasks, expected_TM)),
        known=_float32(np.column_stack([levels_M, strengths_MK, strays_TM.T])),
    )


def _typical_distance(features_NF: Floats) -> float:
    """Median squared distance between instructions."""
    probe = features_NF[:: max(1, len(features_NF) // _PROBED)]
    distances = pairwise_distances(probe, metric="sqeuclidean")
    return float(np.median(distances[np.triu_indices_from(distances, 1)])) or 1.0


def _nystroem(landmarks_RF: Floats, gamma: float) -> NDArray[np.float64]:
    """From the kernel with the landmarks to C features whose products give it back, ``[R, C]``.

    Where texts are alike, the kernel has directions that rounding decides. scikit-learn's Nystroem
    keeps them, and weights grow by a million; their outcomes are noise, so they are left out here.
    """
    basis_RR = rbf_kernel(landmarks_RF.astype(np.float64), gamma=gamma)
    energy_R, directions_RR = eigh(basis_RR)
    told = energy_R > _RESOLUTION
    found: NDArray[np.float64] = directions_RR[:, told] / np.sqrt(energy_R[told])
    return found


def _ridges(
    phi_NC: Floats, scores_NM: NDArray[np.float32], settings: ItemResponseSettings
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of each candidate a regression on what it was asked: ``[C, M]`` and intercepts ``[M]``.

    What is hard for one is hard for most: that part all candidates tell together, and each takes
    as much of it as fits it. Only what is left is regressed on its own scores, ridged far more.
    """
    asked_NM = ~np.isnan(scores_NM)
    overall_M = levels(scores_NM)
    centred_NM = np.where(asked_NM, scores_NM - overall_M, 0.0)
    tried_N = asked_NM.any(axis=1)
    ease_N = centred_NM[tried_N].sum(1) / asked_NM[tried_N].sum(1)
    shared = Ridge(alpha=settings.shared_ridge).fit(phi_NC[tried_N], ease_N)
    shared_N1 = shared.predict(phi_NC)[:, None]
    energy_M = (asked_NM * shared_N1**2).sum(0)
    share_M = (centred_NM * shared_N1).sum(0) / np.where(energy_M > 0, energy_M, 1.0)
    rest_NM = centred_NM - shared_N1 * share_M
    coefficients_CM = np.outer(shared.coef_, share_M)
    levels_M = overall_M + shared.intercept_ * share_M
    for pattern_N in np.unique(asked_NM.T, axis=0):  # most were asked the same: solved together
        columns = np.flatnonzero((pattern_N == asked_NM.T).all(axis=1))
        fitted = Ridge(alpha=settings.ridge).fit(
            phi_NC[pattern_N], rest_NM[np.ix_(pattern_N, columns)]
        )
        coefficients_CM[:, columns] += fitted.coef_.reshape(len(columns), -1).T
        levels_M[columns] += fitted.intercept_
    return coefficients_CM, levels_M


def _recogniser(
    phi_NC: Floats, of_task_NT: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weights ``[C, T+1]`` and offset ``[T+1]`` of log-odds; the last is of no task."""
    T = of_task_NT.shape[1]
    weights_CS, offset_S = np.zeros((phi_NC.shape[1], T + 1)), np.full(T + 1, _NEVER)
    label_N = np.where(of_task_NT.any(1), of_task_NT.argmax(1) if T else 0, T)
    there = np.unique(label_N)
    offset_S[there] = 0.0
    if len(there) > 1:
        directions = PCA(min(_DIRECTIONS, *phi_NC.shape), svd_solver="covariance_eigh").fit(phi_NC)
        along_ND = directions.transform(phi_NC)
        scale = np.sqrt((along_ND**2).sum(1).mean())
        fitted = LogisticRegression(C=_LOOSENESS, tol=_TOLERANCE, max_iter=1000).fit(
            along_ND / scale, label_N
        )
        back_CD = directions.components_.T / scale
        coefficients_SD, intercepts_S = fitted.coef_, fitted.intercept_
        if len(there) == 2:  # log-odds of the second alone
            coefficients_SD = np.concatenate([0 * coefficients_SD, coefficients_SD])
            intercepts_S = np.append(0.0, intercepts_S)
        weights_CS[:, there] = back_CD @ coefficients_SD.T
        offset_S[there] = intercepts_S - directions.mean_ @ weights_CS[:, there]
    return weights_CS, offset_S


def _float32(values: Floats) -> NDArray[np.float32]:
    return np.asarray(values, np.float32)
