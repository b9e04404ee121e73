"""Nearest neighbours: the mean score in the past questions that are most alike."""

from sklearn.neighbors import KNeighborsRegressor

from actors.selector.baselines.registry import Context, baseline
from actors.selector.baselines.seen import (
    Floats,
    PredictFeatures,
    Seen,
    on_embeddings,
    without_gaps,
)

NEIGHBOURS = 200
SHARE = 10  # at most one past question in so many is a neighbour


@baseline("knn")
def knn(context: Context) -> Seen:
    """Cosine neighbours, all of the same weight."""

    def learn(features_NE: Floats, scores_NM: Floats) -> PredictFeatures:
        neighbours = min(NEIGHBOURS, -(-len(features_NE) // SHARE))
        regressor = KNeighborsRegressor(neighbours, metric="cosine")
        predict: PredictFeatures = regressor.fit(features_NE, scores_NM).predict
        return predict

    return on_embeddings(context.embed, without_gaps(learn))
