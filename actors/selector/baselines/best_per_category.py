"""The candidate with the best mean in past outcomes of the instruction's own category.

It is told the category, which nobody tells a router: a bar to measure against.
"""

import numpy as np

from actors.examiner.outcomes import OutcomeMatrix
from actors.selector.baselines.registry import Context, baseline
from actors.selector.baselines.seen import Predict, Seen, group_means
from cluster.errors import TableError


@baseline("best-per-category")
def best_per_category(context: Context) -> Seen:
    """Scores a candidate with its mean in the category; over all in a category never seen."""
    categories = dict(zip(context.asked.texts, context.asked.categories, strict=True))

    def category(text: str) -> str:
        if text not in categories:
            raise TableError(f"best-per-category: no question asked reads '{text[:60]}'")
        return categories[text]

    def learn(outcomes: OutcomeMatrix) -> Predict:
        overall_M = np.nanmean(outcomes.scores_NM, axis=0)
        means_of = group_means(outcomes.categories, outcomes.scores_NM)
        return lambda texts: np.array([means_of.get(category(text), overall_M) for text in texts])

    return Seen(learn)
