"""Tunes the fast selector on past outcomes, in closed form: seconds once texts are encoded.

1. Texts become features of a kernel (Nystroem's approximation over the encoder's layers).
2. A ridge regression a candidate predicts its scores, gaps left out.
3. What the predictions of all candidates have in common is kept: their first K principal
   directions are the demands a(x), and a candidate's place along them its strengths.
4. From the candidates tuned on follow how strengths are spread, and how far the accuracy in a core
   task strays from what abilities explain. Both decide how a card is read.

Shapes: as in ``actors.selector.item_response``.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from sklearn.covariance import LedoitWolf
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import Ridge
from sklearn.metrics import pairwise_distances

from actors.examiner.card import CapabilityCard
from actors.examiner.outcomes import OutcomeMatrix
from actors.selector.item_response import (
    ItemParameters,
    ItemResponse,
    card_digest,
    demands,
    standardised,
)
from actors.selector.layers import LayerPool
from cluster.errors import TableError
from cluster.settings import ItemResponseSettings

Floats = NDArray[np.floating]

_PROBED = 1000  # instructions whose distances set the kernel's width


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
        tasks = sorted({result.task for card in cards for result in card.tasks})
        tasks = [task for task in tasks if task in set(outcomes.tasks)]
        parameters = _fit(pooled_NLE, outcomes, cards, tasks, self._settings, self._seed)
        known = [card_digest(card) for card in cards]
        return ItemResponse(self._pool, self._settings, parameters, cards[0].test, tasks, known)


def _cards_of(outcomes: OutcomeMatrix, cards: Sequence[CapabilityCard]) -> list[CapabilityCard]:
    by_id = {card.model_id: card for card in cards}
    if len(outcomes.candidates) < 2:
        raise TableError(
            f"outcomes: strengths are told by comparing; found {len(outcomes.candidates)} candidate"
        )
    for candidate, scores_N in zip(outcomes.candidates, outcomes.scores_NM.T, strict=True):
        if candidate not in by_id:
            raise TableError(
                f"outcomes: candidate '{candidate}' has no capability card; "
                f"cards: {', '.join(sorted(by_id)) or 'none'}"
            )
        if np.isnan(scores_N).all():
            raise TableError(f"outcomes: candidate '{candidate}' was asked no question")
    found = [by_id[candidate] for candidate in outcomes.candidates]
    tests = sorted({card.test for card in found})
    if len(tests) > 1:
        raise TableError(f"cards: all must be of one aptitude test; found {', '.join(tests)}")
    return found


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
    kernel = Nystroem(
        gamma=gamma, n_components=min(settings.landmarks, len(features_NF)), random_state=seed
    )
    phi_NR = kernel.fit_transform(features_NF)
    coefficients_RM, levels_M = _ridges(phi_NR, outcomes.scores_NM, settings.ridge)
    centre_R = phi_NR.mean(0)
    rank = min(settings.dimensions, len(cards))
    _, _, directions = np.linalg.svd((phi_NR - centre_R) @ coefficients_RM, full_matrices=False)
    strengths_MK = directions[:rank].T
    weights_RK = kernel.normalization_.T @ coefficients_RM @ strengths_MK
    parameters = ItemParameters(
        mean=mean_F,
        scale=scale_F,
        gamma=np.array([gamma], np.float32),
        landmarks=_float32(kernel.components_),
        weights=_float32(weights_RK),
        offset=_float32(centre_R @ coefficients_RM @ strengths_MK),
        profiles=np.zeros((len(tasks), rank), np.float32),
        prior_mean=_float32(strengths_MK.mean(0)),
        prior_covariance=_float32(LedoitWolf().fit(strengths_MK).covariance_),
        task_variance=np.zeros(1, np.float32),
        known=_float32(np.column_stack([levels_M + centre_R @ coefficients_RM, strengths_MK])),
    )
    return _with_tasks(parameters, demands(pooled_NLE, parameters), outcomes.tasks, tasks, cards)


def _typical_distance(features_NF: Floats) -> float:
    """Median squared distance between instructions."""
    probe = features_NF[:: max(1, len(features_NF) // _PROBED)]
    distances = pairwise_distances(probe, metric="sqeuclidean")
    return float(np.median(distances[np.triu_indices_from(distances, 1)])) or 1.0


def _ridges(
    phi_NR: Floats, scores_NM: NDArray[np.float32], ridge: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of each candidate a ridge regression on what it was asked: ``[R, M]`` and intercepts [M]."""
    coefficients_RM = np.zeros((phi_NR.shape[1], scores_NM.shape[1]))
    levels_M = np.zeros(scores_NM.shape[1])
    asked_MN = ~np.isnan(scores_NM).T
    for pattern_N in np.unique(asked_MN, axis=0):  # most were asked the same: solved together
        columns = np.flatnonzero((asked_MN == pattern_N).all(axis=1))
        targets = scores_NM[np.ix_(pattern_N, columns)]
        fitted = Ridge(alpha=ridge).fit(phi_NR[pattern_N], targets)
        coefficients_RM[:, columns] = fitted.coef_.reshape(len(columns), -1).T
        levels_M[columns] = fitted.intercept_
    return coefficients_RM, levels_M


def _with_tasks(
    parameters: ItemParameters,
    demands_NK: NDArray[np.float64],
    task_of: Sequence[str],
    tasks: Sequence[str],
    cards: Sequence[CapabilityCard],
) -> ItemParameters:
    """Adds what instructions of each core task ask for, and how far its accuracies stray."""
    if not tasks:
        return parameters
    names_N = np.array(task_of)
    profiles_TK = np.array([demands_NK[names_N == task].mean(0) for task in tasks])
    found = replace(parameters, profiles=_float32(profiles_TK))
    place = {task: row for row, task in enumerate(tasks)}
    strays = []
    for card, (level, *strengths_K) in zip(cards, parameters.known, strict=True):
        results = [result for result in card.tasks if result.task in place]
        expected_T = level + profiles_TK[[place[result.task] for result in results]] @ strengths_K
        for result, expected in zip(results, expected_T, strict=True):
            chance = result.accuracy * (1 - result.accuracy) / result.count
            strays.append((result.accuracy - expected) ** 2 - chance)
    variance = max(0.0, float(np.mean(strays)))
    return replace(found, task_variance=np.array([variance], np.float32))


def _float32(values: Floats) -> NDArray[np.float32]:
    return np.asarray(values, np.float32)
