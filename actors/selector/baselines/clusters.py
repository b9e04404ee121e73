"""Clusters of questions with a ranking of candidates each (the Avengers, Zhang et al. 2025)."""

import numpy as np
from sklearn.cluster import KMeans

from actors.selector.baselines.registry import Context, baseline
from actors.selector.baselines.seen import (
    Floats,
    PredictFeatures,
    Seen,
    group_means,
    on_embeddings,
)

NEAREST = 3


@baseline("clusters-16", 16)
@baseline("clusters-64", 64)
def clusters(context: Context, count: int) -> Seen:
    """Scores a candidate with its mean in the clusters of k-means nearest to the instruction."""

    def learn(features_NE: Floats, scores_NM: Floats) -> PredictFeatures:
        distinct = len(np.unique(features_NE, axis=0))
        kmeans = KMeans(min(count, distinct), n_init=4, random_state=context.seed)
        means_of = group_means(kmeans.fit_predict(features_NE).tolist(), scores_NM)
        means_CM = np.array([means_of[label] for label in range(kmeans.n_clusters)])

        def predict(features_NE: Floats) -> Floats:
            nearest_NK = np.argsort(kmeans.transform(features_NE), axis=1)[:, :NEAREST]
            return np.asarray(means_CM[nearest_NK].mean(axis=1))

        return predict

    return on_embeddings(context.embed, learn)
