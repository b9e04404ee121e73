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


@baseline("clusters-16", 16)
@baseline("clusters-64", 64)
def clusters(context: Context, count: int) -> Seen:
    """Scores a candidate with its mean in the instruction's cluster of k-means."""

    def learn(features_NE: Floats, scores_NM: Floats) -> PredictFeatures:
        kmeans = KMeans(min(count, len(features_NE)), n_init=4, random_state=context.seed)
        means_of = group_means(kmeans.fit_predict(features_NE).tolist(), scores_NM)
        return lambda features: np.array([means_of[label] for label in kmeans.predict(features)])

    return on_embeddings(context.embed, learn)
