"""The two baselines that look at labels: best-per-category and oracle."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from actors.examiner.card import CapabilityCard
from actors.examiner.outcomes import OutcomeMatrix
from actors.selector.baselines.registry import Context, make_baseline
from cluster.errors import TableError


def test_the_oracle_gives_back_what_was_scored(
    past: OutcomeMatrix, cards: list[CapabilityCard], context: Context
) -> None:
    oracle = make_baseline("oracle", context).fit(past, cards)
    assert np.array_equal(oracle.scores(context.asked.texts, cards), context.asked.scores_NM)


def test_the_oracle_never_chooses_who_was_not_asked(
    past: OutcomeMatrix, cards: list[CapabilityCard], context: Context
) -> None:
    asked = context.asked.questions([0, 0])  # the same text twice
    asked = replace(asked, scores_NM=np.array([[1, np.nan, 0, 1], [0, np.nan, 0, np.nan]], "f4"))
    oracle = make_baseline("oracle", replace(context, asked=asked)).fit(past, cards)
    np.testing.assert_allclose(oracle.scores(asked.texts[:1], cards), [[0.5, 0, 0, 1]])


def test_a_category_is_scored_by_its_means(
    past: OutcomeMatrix, cards: list[CapabilityCard], context: Context
) -> None:
    scorer = make_baseline("best-per-category", context).fit(past, cards)
    algebra, history = context.asked.texts[0], context.asked.texts[-1]
    mask = np.array(past.categories) == "algebra"
    expected = [past.scores_NM[mask].mean(axis=0), past.scores_NM[~mask].mean(axis=0)]
    np.testing.assert_allclose(scorer.scores([algebra, history], cards), expected, atol=1e-6)


@pytest.mark.parametrize("name", ["best-per-category", "oracle"])
def test_a_question_without_labels_is_named(
    name: str, past: OutcomeMatrix, cards: list[CapabilityCard], context: Context
) -> None:
    with pytest.raises(TableError, match=f"{name}: no question asked reads 'Never asked'"):
        make_baseline(name, context).fit(past, cards).scores(["Never asked"], cards)


def test_the_oracle_names_a_candidate_it_knows_nothing_of(
    past: OutcomeMatrix, context: Context, make_card: Callable[..., CapabilityCard]
) -> None:
    with pytest.raises(TableError, match="'new' was asked nothing; there are: a, b, c, d"):
        make_baseline("oracle", context).fit(past, []).scores(
            context.asked.texts, [make_card("new", [0.5])]
        )
