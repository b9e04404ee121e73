"""Strengths, and how far candidates stray from them, told from made-up accuracies."""

import numpy as np
import pytest
from numpy.typing import NDArray

from actors.tuner.abilities import (
    OfTasks,
    levels,
    of_tasks,
    spread,
    strays,
    strengths,
    variance_of_joining,
)

TASKS, ASKED = 40, 400


def accuracies(
    candidates: int, deviation: float, seed: int
) -> tuple[OfTasks, NDArray[np.float64], NDArray[np.float64]]:
    """Two kinds of strength that are predicted, strays that are not, and the chance of answers."""
    rng = np.random.default_rng(seed)
    predicted_TM = rng.normal(0, 0.1, (TASKS, 2)) @ rng.normal(0, 1, (2, candidates))
    predicted_TM -= predicted_TM.mean(0)
    strayed_TM = deviation * rng.normal(0, 1, (TASKS, candidates))
    chance = 0.25 / ASKED
    means_TM = 0.5 + predicted_TM + strayed_TM
    means_TM += np.sqrt(chance) * rng.normal(0, 1, means_TM.shape)
    done = OfTasks(means_TM, np.full_like(means_TM, chance), np.full_like(means_TM, ASKED))
    return done, predicted_TM, predicted_TM.T @ predicted_TM


@pytest.mark.parametrize(
    "strengths_MK",
    [
        [[0.5**0.5, 0.5**0.5], [0.5**0.5, -(0.5**0.5)]],  # two that are alike
        [[0.8, 0.6], [0.6, -0.8]],
        [[0.5], [0.5], [0.5], [0.5]],
    ],
)
def test_a_spread_has_an_inverse_though_it_is_rounded(strengths_MK: list[list[float]]) -> None:
    rounded_KK = spread(np.array(strengths_MK)).astype(np.float32).astype(np.float64)
    assert np.linalg.eigvalsh(rounded_KK).min() > 1e-8


def test_of_complete_outcomes_levels_are_means() -> None:
    scores_NM = np.random.default_rng(0).random((500, 18)).astype(np.float32)
    np.testing.assert_allclose(levels(scores_NM), scores_NM.mean(0, dtype=float), atol=1e-9)


def test_hard_questions_are_not_held_against_who_was_asked_them() -> None:
    ease_N = np.repeat([0.25, -0.25], 100)
    scores_NM = np.tile(0.55 + ease_N[:, None], 8)
    scores_NM[:100, 0] = np.nan  # hard ones alone
    scores_NM[:60, 1] = np.nan
    np.testing.assert_allclose(levels(scores_NM), 0.55, atol=1e-3)


def test_who_was_asked_nothing_that_another_was_has_its_mean_for_a_level() -> None:
    scores_NM = np.full((30, 4), np.nan)
    scores_NM[:10, 0] = 0.9
    scores_NM[10:20, 1:3] = [0.4, 0.6]
    scores_NM[10:15, 2] = np.nan
    scores_NM[20:, 3] = np.linspace(0, 1, 10)
    np.testing.assert_allclose(levels(scores_NM), [0.9, 0.4, 0.6, 0.5], atol=1e-3)


@pytest.mark.parametrize("candidates", [4, 30, 120])
@pytest.mark.parametrize("deviation", [0.05, 0.15])
def test_the_variance_of_who_joins_is_found(candidates: int, deviation: float) -> None:
    found = variance_of_joining(*accuracies(candidates, deviation, seed=1), 6)
    assert found == pytest.approx(deviation**2, rel=0.4)


def test_where_nobody_strays_there_is_hardly_any() -> None:
    assert variance_of_joining(*accuracies(30, 0.0, seed=2), 6) < 0.01**2


def test_neither_the_order_of_candidates_nor_tasks_that_one_was_not_asked_matter() -> None:
    done, predicted_TM, likeness_MM = accuracies(12, 0.1, seed=3)
    found = variance_of_joining(done, predicted_TM, likeness_MM, 6)
    order = np.random.default_rng(0).permutation(12)
    shuffled = OfTasks(*(values_TM[:, order] for values_TM in done))
    again = variance_of_joining(
        shuffled, predicted_TM[:, order], likeness_MM[np.ix_(order, order)], 6
    )
    assert again == pytest.approx(found, rel=1e-3)
    done.counts_TM[:5, 3] = 0
    done.means_TM[:5, 3] = 0.0  # as ``of_tasks`` has it
    gaps = variance_of_joining(done, predicted_TM, likeness_MM, 6)
    assert gaps == pytest.approx(found, rel=0.1)


def test_strengths_are_the_directions_in_common_the_greatest_first() -> None:
    """Two dimensions explain all that is predicted; more than there are candidates find M."""
    _, predicted_TM, likeness_MM = accuracies(12, 0.1, seed=4)
    found_MK = strengths(likeness_MM, 2)
    np.testing.assert_allclose(found_MK.T @ found_MK, np.eye(2), atol=1e-9)
    np.testing.assert_allclose(predicted_TM @ found_MK @ found_MK.T, predicted_TM, atol=1e-9)
    energy_K = ((predicted_TM @ found_MK) ** 2).sum(0)
    assert energy_K[0] > energy_K[1]
    assert strengths(likeness_MM, 20).shape == (12, 12)


def test_a_task_nobody_was_asked_in_strays_nowhere() -> None:
    of_task_NT = np.repeat(np.eye(2, dtype=bool), 50, axis=0)
    left_NM = np.full((100, 2), 0.2)
    left_NM[::2] = -0.1
    left_NM[50:, 1] = np.nan
    done = of_tasks(of_task_NT, left_NM)
    assert done.counts_TM.tolist() == [[50, 50], [50, 0]]
    found_TM, variance = strays(of_task_NT, left_NM)
    assert found_TM[1, 1] == 0
    assert found_TM[0, 1] == pytest.approx(found_TM[1, 0])
    assert 0 < found_TM[0, 0] < done.means_TM[0, 0]
    assert 0 < variance < done.means_TM[0, 0] ** 2
