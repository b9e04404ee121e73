"""How much a selector could gain on some outcomes: the room between one model and the oracle.

The best single model, and the best of each category, are chosen on one half of the questions and
measured on the other, both ways round: chosen and measured on the same ones, the winner's luck
would count as skill. Intervals are bootstrapped by question.

Nothing here is what a selector *will* gain. The oracle also gets right what some model guessed.

Shapes: N questions, M models, B bootstrap samples.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from actors.assessor.bootstrap import Difference, Estimate, difference, estimate, question_weights
from actors.examiner.outcomes import OutcomeMatrix, split_position
from cluster.errors import TableError

_ASKED = 0.95  # models that were asked fewer of the questions are left out
_DRAWS = 1000

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Headroom:
    """Mean scores of ways to choose, over the same questions and models."""

    questions: int  # that all of these models were asked
    models: int
    left_out: Sequence[str]  # models that were asked too few questions
    random: Estimate
    best_single: Estimate
    best_single_model: str  # over all questions
    best_per_category: Estimate
    oracle: Estimate
    most: Difference  # oracle over best single: no selector gains more
    per_category: Difference  # best per category over best single


def headroom(matrix: OutcomeMatrix) -> Headroom:
    """How well models do alone, by category and together.

    Raises:
        TableError: no question was asked of all models that were asked most questions.
    """
    share_M = (~np.isnan(matrix.scores_NM)).mean(axis=0)
    wanted = share_M >= _ASKED * share_M.max()
    names = [name for name, kept in zip(matrix.candidates, wanted, strict=True) if kept]
    asked = matrix.of(names).complete()
    if not len(asked):
        raise TableError(
            f"outcomes: no question was asked of all {len(names)} models that were asked most; "
            "what could be gained is not known"
        )
    scores_NM = asked.scores_NM
    first_N = np.array([split_position(prompt) for prompt in asked.prompts]) < 0.5
    single_N = _other_half(scores_NM, first_N, np.zeros(len(asked), np.int64))
    category_N = np.unique(asked.categories, return_inverse=True)[1]
    ways = [
        scores_NM.mean(axis=1),
        single_N,
        _other_half(scores_NM, first_N, category_N),
        scores_NM.max(axis=1),
    ]
    weights_BN = question_weights(len(asked), _DRAWS)
    drawn_BW = weights_BN @ np.stack(ways, axis=1) / len(asked)
    random, single, category, oracle = drawn_BW.T
    return Headroom(
        questions=len(asked),
        models=len(names),
        left_out=[name for name in matrix.candidates if name not in set(names)],
        random=estimate(random),
        best_single=estimate(single),
        best_single_model=names[int(scores_NM.mean(axis=0).argmax())],
        best_per_category=estimate(category),
        oracle=estimate(oracle),
        most=difference(oracle - single),
        per_category=difference(category - single),
    )


def _other_half(
    scores_NM: Floats, first_N: NDArray[np.bool_], category_N: NDArray[np.int64]
) -> Floats:
    """Scores of the model that does best in a question's category, in the other half.

    Where the other half has no question of the category, the best of all its questions is taken.
    """
    right_N = np.empty(len(scores_NM), np.float32)
    for measured_N in (first_N, ~first_N):
        others_NM = scores_NM[~measured_N] if (~measured_N).any() else scores_NM
        best = int(others_NM.mean(axis=0).argmax())
        for category in np.unique(category_N[measured_N]):
            of_category_N = category_N == category
            chosen_on = scores_NM[of_category_N & ~measured_N]
            column = int(chosen_on.mean(axis=0).argmax()) if len(chosen_on) else best
            rows_N = of_category_N & measured_N
            right_N[rows_N] = scores_NM[rows_N, column]
    return right_N
