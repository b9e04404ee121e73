from dataclasses import replace

import numpy as np
import pytest

from actors.assessor.headroom import headroom
from actors.examiner.outcomes import OutcomeMatrix
from cluster.errors import TableError


@pytest.fixture
def matrix() -> OutcomeMatrix:
    """Model 'a' is right in category x alone, 'b' in y alone; 'c' always guesses with 60%."""
    rng = np.random.default_rng(0)
    count = 600
    prompts = [f"question {number}" for number in range(count)]
    category_N = np.arange(count) % 2
    scores = [category_N == 0, category_N == 1, rng.random(count) < 0.6]
    return OutcomeMatrix(
        question_ids=prompts,
        prompts=prompts,
        texts=prompts,
        datasets=["d"] * count,
        categories=["xy"[category] for category in category_N],
        tasks=["t"] * count,
        candidates=list("abc"),
        scores_NM=np.stack(scores, axis=1).astype(np.float32),
    )


def test_the_ways_to_choose(matrix: OutcomeMatrix) -> None:
    found = headroom(matrix)
    third = matrix.scores_NM[:, 2].mean()
    assert (found.questions, found.models, found.best_single_model) == (600, 3, "c")
    np.testing.assert_allclose(found.best_single.value, third, rtol=1e-6)
    np.testing.assert_allclose(found.random.value, (1 + third) / 3, rtol=1e-6)
    assert found.best_per_category.value == found.oracle.value == 1
    np.testing.assert_allclose(found.most.value, 1 - third, rtol=1e-5)
    standard_error = np.sqrt(third * (1 - third) / 600)
    assert found.best_single.low == pytest.approx(third - 1.96 * standard_error, abs=0.01)
    assert found.best_single.high == pytest.approx(third + 1.96 * standard_error, abs=0.01)
    assert found.most.p < 0.01


def test_luck_is_no_skill() -> None:
    """Of 400 coin tosses the luckiest has far more than half right; chosen fairly it has half."""
    rng = np.random.default_rng(0)
    prompts = [f"question {number}" for number in range(200)]
    tossed = OutcomeMatrix(
        question_ids=prompts,
        prompts=prompts,
        texts=prompts,
        datasets=["d"] * 200,
        categories=[f"c{number % 10}" for number in range(200)],
        tasks=["t"] * 200,
        candidates=[f"m{number:03}" for number in range(400)],
        scores_NM=rng.integers(0, 2, (200, 400)).astype(np.float32),
    )
    assert tossed.scores_NM.mean(axis=0).max() > 0.58
    found = headroom(tossed)
    assert found.best_single.value == pytest.approx(0.5, abs=0.09)
    assert found.best_per_category.value == pytest.approx(0.5, abs=0.09)


def test_models_that_were_asked_little_are_left_out(matrix: OutcomeMatrix) -> None:
    scores_NM = matrix.scores_NM.copy()
    scores_NM[:300, 2] = np.nan
    scores_NM[0, 0] = np.nan
    found = headroom(replace(matrix, scores_NM=scores_NM))
    assert (found.questions, found.models, found.left_out) == (599, 2, ["c"])


def test_models_that_share_no_question(matrix: OutcomeMatrix) -> None:
    scores_NM = matrix.scores_NM.copy()
    scores_NM[:300, 0] = scores_NM[300:, 1] = np.nan
    apart = replace(matrix, scores_NM=scores_NM).of(["a", "b"])
    with pytest.raises(TableError, match="no question was asked of all 2 models"):
        headroom(apart)
