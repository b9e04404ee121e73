"""A random forest on sentence embeddings (paper: Table 2, tree-based)."""

from sklearn.ensemble import RandomForestRegressor

from actors.selector.baselines.registry import Context, baseline
from actors.selector.baselines.seen import (
    Floats,
    PredictFeatures,
    Seen,
    on_embeddings,
    without_gaps,
)


@baseline("random-forest")
def random_forest(context: Context) -> Seen:
    """Trees that split for all candidates at once; a leaf's means are the scores."""

    def learn(features_NE: Floats, scores_NM: Floats) -> PredictFeatures:
        forest = RandomForestRegressor(
            n_estimators=100,
            min_samples_leaf=20,
            max_features=0.1,
            random_state=context.seed,
        )
        predict: PredictFeatures = forest.fit(features_NE, scores_NM).predict
        return predict

    return on_embeddings(context.embed, without_gaps(learn))
