"""Logistic regression on sentence embeddings, one a candidate."""

import numpy as np
from sklearn.linear_model import LogisticRegression

from actors.selector.baselines.registry import Context, baseline
from actors.selector.baselines.seen import Floats, PredictFeatures, Seen, on_embeddings

STRENGTH = 0.03  # C of scikit-learn: the smaller, the closer to the candidate's mean


@baseline("logistic")
def logistic(context: Context) -> Seen:
    """Fitted to scores between 0 and 1 as to so many right and so many wrong answers."""
    return on_embeddings(context.embed, _learn)


def _learn(features_NE: Floats, scores_NM: Floats) -> PredictFeatures:
    candidates = [_candidate(features_NE, scores_N) for scores_N in scores_NM.T]
    return lambda features: np.stack([predict(features) for predict in candidates], axis=1)


def _candidate(features_NE: Floats, scores_N: Floats) -> PredictFeatures:
    """Estimates ``[N]`` for one candidate, from the questions it was asked."""
    asked_N = ~np.isnan(scores_N)
    right_N = scores_N[asked_N].astype(np.float64)
    if right_N.min() == right_N.max():  # nothing to tell apart
        return lambda features: np.full(len(features), right_N[0])
    weights = np.concatenate([right_N, 1 - right_N])
    answers = np.repeat([1, 0], len(right_N))[weights > 0]
    features = np.tile(features_NE[asked_N], (2, 1))[weights > 0]
    model = LogisticRegression(C=STRENGTH).fit(features, answers, weights[weights > 0])
    return lambda features: np.asarray(model.predict_proba(features)[:, 1])
