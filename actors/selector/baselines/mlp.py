"""A multilayer perceptron on sentence embeddings (paper: Table 2, classification-based)."""

from sklearn.neural_network import MLPRegressor

from actors.selector.baselines.registry import Context, baseline
from actors.selector.baselines.seen import (
    Floats,
    PredictFeatures,
    Seen,
    on_embeddings,
    without_gaps,
)


@baseline("mlp")
def mlp(context: Context) -> Seen:
    """One hidden layer that all candidates share, fitted to scores by least squares."""

    def learn(features_NE: Floats, scores_NM: Floats) -> PredictFeatures:
        perceptron = MLPRegressor(
            hidden_layer_sizes=(100,),
            alpha=1.0,
            max_iter=1000,
            random_state=context.seed,
        )
        predict: PredictFeatures = perceptron.fit(features_NE, scores_NM).predict
        return predict

    return on_embeddings(context.embed, without_gaps(learn))
