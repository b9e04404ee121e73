"""What baselines that learn candidates one by one have in common.

Owns the candidates' order and names, instructions that repeat, gaps in the outcomes, and the
errors. A baseline gives a function that learns; that learns from, and predicts for, candidates
sorted by id and distinct texts, so that no order in which a caller lists them can matter.

These baselines know only the candidates whose outcomes they have seen: one that is new means
learning again.

Shapes: N questions or instructions, M candidates, E width of a text's embedding.
"""

from collections.abc import Callable, Hashable, Sequence
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from sklearn.preprocessing import normalize

from actors.examiner.card import CapabilityCard
from actors.examiner.outcomes import OutcomeMatrix
from actors.selector.baselines.registry import Embed
from cluster.errors import TableError

Floats = NDArray[np.floating]
Predict = Callable[[Sequence[str]], Floats]  # texts -> estimates [N, M]
PredictFeatures = Callable[[Floats], Floats]  # features [N, E] -> estimates [N, M]
Regression = Callable[[Floats, Floats], PredictFeatures]  # from features [N, E] and scores [N, M]
Label = TypeVar("Label", bound=Hashable)


class Seen:
    """A ``Learner`` of the candidates whose outcomes it is shown."""

    def __init__(self, learn: Callable[[OutcomeMatrix], Predict]) -> None:
        """``learn`` gets candidates sorted by id, each asked something."""
        self._learn = learn

    def fit(self, outcomes: OutcomeMatrix, cards: Sequence[CapabilityCard]) -> "SeenScorer":
        """Learns from the outcomes alone. Raises TableError if a candidate was asked nothing."""
        outcomes = outcomes.of(sorted(outcomes.candidates))
        for candidate, scores_N in zip(outcomes.candidates, outcomes.scores_NM.T, strict=True):
            if np.isnan(scores_N).all():
                raise TableError(f"outcomes: candidate '{candidate}' was asked no question")
        return SeenScorer(outcomes.candidates, self._learn(outcomes))


class SeenScorer:
    """A ``Scorer`` of some candidates, known by their ids."""

    def __init__(self, candidates: Sequence[str], predict: Predict) -> None:
        """``predict`` gives estimates in the order of ``candidates``."""
        self._columns = {model_id: column for column, model_id in enumerate(candidates)}
        self._predict = predict

    def scores(
        self, instructions: Sequence[str], cards: Sequence[CapabilityCard]
    ) -> NDArray[np.float32]:
        """As ``Scorer``. Raises TableError for a candidate whose outcomes were not seen."""
        columns = [self._column(card.model_id) for card in cards]
        texts = sorted(set(instructions))
        if not texts:
            return np.zeros((0, len(cards)), np.float32)
        rows = {text: row for row, text in enumerate(texts)}
        estimates_NM = np.clip(self._predict(texts), 0, 1).astype(np.float32)
        return estimates_NM[[rows[text] for text in instructions]][:, columns]

    def _column(self, model_id: str) -> int:
        if model_id not in self._columns:
            raise TableError(
                f"candidate '{model_id}' has no outcomes to learn from, and this baseline scores "
                f"no other; it learned: {', '.join(self._columns)}"
            )
        return self._columns[model_id]


def group_means(labels_N: Sequence[Label], scores_NM: Floats) -> dict[Label, Floats]:
    """Mean scores ``[M]`` of the questions with a label; over all where there are none."""
    overall_M = np.nanmean(scores_NM, axis=0)
    means = {}
    for label in set(labels_N):
        of_label = scores_NM[[other == label for other in labels_N]]
        asked_M = (~np.isnan(of_label)).sum(axis=0)
        mean_M = np.nansum(of_label, axis=0) / np.maximum(asked_M, 1)
        means[label] = np.where(asked_M > 0, mean_M, overall_M)
    return means


def on_embeddings(embed: Embed, learn: Regression) -> Seen:
    """The baseline that regresses scores, gaps included, on normalised sentence embeddings."""

    def learn_texts(outcomes: OutcomeMatrix) -> Predict:
        predict = learn(normalize(embed(outcomes.texts)), outcomes.scores_NM)
        return lambda texts: predict(normalize(embed(texts)))

    return Seen(learn_texts)


class _Group(NamedTuple):
    """Candidates that were asked the same questions, and what was learned of them."""

    columns: NDArray[np.intp]
    predict: PredictFeatures


def without_gaps(learn: Regression) -> Regression:
    """A regression that knows no gaps, for outcomes with gaps.

    Candidates that were asked the same questions are learned together, from these alone. Of a
    single candidate, ``learn`` gets and gives vectors ``[N]``, as scikit-learn wants them.
    """

    def learn_groups(features_NE: Floats, scores_NM: Floats) -> PredictFeatures:
        patterns, group_M = np.unique(~np.isnan(scores_NM), axis=1, return_inverse=True)
        groups = []
        for group, asked_N in enumerate(patterns.T):
            columns = np.flatnonzero(group_M == group)
            targets = scores_NM[np.ix_(asked_N, columns)]
            targets = targets[:, 0] if len(columns) == 1 else targets
            groups.append(_Group(columns, learn(features_NE[asked_N], targets)))
        return lambda features: _side_by_side(groups, features)

    return learn_groups


def _side_by_side(groups: Sequence[_Group], features_NE: Floats) -> Floats:
    columns = np.concatenate([group.columns for group in groups])
    parts = [group.predict(features_NE).reshape(len(features_NE), -1) for group in groups]
    return np.concatenate(parts, axis=1)[:, np.argsort(columns)]
