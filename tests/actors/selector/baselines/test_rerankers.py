from dataclasses import replace

import numpy as np
import pytest
from sentence_transformers import CrossEncoder
from sentence_transformers.util import cos_sim

from actors.examiner.card import CapabilityCard
from actors.selector.baselines.embedding import SentenceEmbedder
from actors.selector.baselines.registry import Context, make_baseline
from cluster.errors import SettingsError, TableError


def test_a_cross_encoder_rates_what_was_written(
    cards: list[CapabilityCard], context: Context, models: dict[str, str]
) -> None:
    text = context.asked.texts[3]
    pairs = [(text, context.outputs()[card.model_id, text]) for card in cards]
    rated = CrossEncoder(models["cross-encoder"], num_labels=1, device="cpu").predict(pairs)
    scores_NM = make_baseline("reranker", context).fit(context.asked, cards).scores([text], cards)
    np.testing.assert_allclose(scores_NM[0], rated, atol=1e-6)
    assert np.ptp(rated) > 1e-3
    log_odds = np.log(rated / (1 - rated))
    cappy_NM = make_baseline("cappy", context).fit(context.asked, cards).scores([text], cards)
    np.testing.assert_allclose(cappy_NM[0], np.clip(log_odds, 0, 1), atol=1e-5)


def test_embeddings_rate_what_was_written(
    cards: list[CapabilityCard], context: Context, models: dict[str, str]
) -> None:
    text = context.asked.texts[3]
    embed = SentenceEmbedder(models["encoder"])
    written = embed([context.outputs()[card.model_id, text] for card in cards])
    expected = (1 + cos_sim(embed([text]), written).numpy()) / 2
    scorer = make_baseline("embedding-reranker", context).fit(context.asked, cards)
    np.testing.assert_allclose(scorer.scores([text], cards), expected, atol=1e-6)


@pytest.mark.parametrize("name", ["reranker", "embedding-reranker"])
def test_a_missing_answer_is_named(
    name: str, cards: list[CapabilityCard], context: Context
) -> None:
    scorer = make_baseline(name, context).fit(context.asked, cards)
    with pytest.raises(TableError, match=r"column 'output'.*candidate 'a' for 'Never asked'"):
        scorer.scores(["Never asked"], cards)


@pytest.mark.parametrize("name", ["reranker", "embedding-reranker"])
def test_a_reranker_without_a_model_is_refused(name: str, context: Context) -> None:
    with pytest.raises(SettingsError, match=f"'{name}' needs the folder.*set for: bge"):
        make_baseline(name, replace(context, sources={"bge": "x"}))
