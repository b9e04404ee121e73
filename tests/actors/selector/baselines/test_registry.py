from dataclasses import replace

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from actors.examiner.card import CapabilityCard
from actors.examiner.outcomes import OutcomeMatrix
from actors.selector.baselines.registry import Context, baseline_names, make_baseline
from actors.selector.scorer import Scorer
from cluster.errors import SettingsError

NAMES = baseline_names()
LEARNED = [
    "best-per-category",
    "clusters-16",
    "clusters-64",
    "factorisation",
    "knn",
    "logistic",
    "mlp",
    "random-forest",
]


def with_gaps(past: OutcomeMatrix) -> OutcomeMatrix:
    """Outcomes in which one candidate was never asked a third, and another misses some at random.

    Few of them, so that all baselines learn in no time.
    """
    few = past.questions(range(0, len(past), 5))
    scores_NM = few.scores_NM.copy()
    scores_NM[::3, 1] = np.nan
    scores_NM[np.random.default_rng(0).random(len(few)) < 0.1, 2] = np.nan
    return replace(few, scores_NM=scores_NM)


def gain(
    scorer: Scorer, context: Context, past: OutcomeMatrix, cards: list[CapabilityCard]
) -> float:
    """Mean score of what is chosen, less that of the best single candidate of the past."""
    asked = context.asked
    chosen = scorer.scores(asked.texts, cards).argmax(axis=1)
    best = past.scores_NM.mean(axis=0).argmax()
    right_N = asked.scores_NM[range(len(asked)), chosen]
    return float((right_N - asked.scores_NM[:, best]).mean())


def test_all_baselines_are_there() -> None:
    others = {"best-aptitude", "best-single", "oracle", "random"}
    rerankers = {"bge", "bge-reranker", "cappy", "embedding-reranker", "gte", "reranker"}
    assert set(NAMES) == {*LEARNED, *others, *rerankers}


def test_an_unknown_name_is_answered_with_those_that_exist(context: Context) -> None:
    with pytest.raises(SettingsError, match=r"'nearest'; there are: best-aptitude.*knn.*reranker"):
        make_baseline("nearest", context)


@pytest.fixture(scope="module")
def scorers(
    past: OutcomeMatrix, cards: list[CapabilityCard], context: Context
) -> dict[str, Scorer]:
    """All baselines, taught by outcomes with gaps."""
    return {name: make_baseline(name, context).fit(with_gaps(past), cards) for name in NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_scores_are_probabilities_whatever_the_gaps(
    name: str, scorers: dict[str, Scorer], cards: list[CapabilityCard], context: Context
) -> None:
    scores_NM = scorers[name].scores(context.asked.texts, cards)
    assert scores_NM.dtype == np.float32
    assert scores_NM.shape == (len(context.asked), len(cards))
    assert np.all((scores_NM >= 0) & (scores_NM <= 1))
    assert scorers[name].scores([], cards).shape == (0, len(cards))
    assert scorers[name].scores(context.asked.texts[:2], []).shape == (2, 0)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=4, deadline=None, phases=[Phase.generate])  # shrinking would learn for ages
@given(
    candidates=st.permutations("abcd"),
    places=st.permutations(range(4)),
    rows=st.permutations(range(20)),
)
def test_no_order_matters(
    name: str,
    candidates: list[str],
    places: list[int],
    rows: list[int],
    scorers: dict[str, Scorer],
    past: OutcomeMatrix,
    cards: list[CapabilityCard],
    context: Context,
) -> None:
    """Of candidates in the outcomes, of cards, of instructions."""
    texts, turned = context.asked.texts[::10], [cards[place] for place in places]
    scorer = make_baseline(name, context).fit(with_gaps(past).of(candidates), turned)
    found_NM = scorer.scores([texts[row] for row in rows], turned)
    expected_NM = scorers[name].scores(texts, cards)
    np.testing.assert_allclose(found_NM, expected_NM[rows][:, places], atol=1e-6)


@pytest.mark.parametrize("name", LEARNED)
def test_what_is_learned_beats_the_best_single_candidate(
    name: str, past: OutcomeMatrix, cards: list[CapabilityCard], context: Context
) -> None:
    learned = make_baseline(name, context).fit(past, cards)
    oracle = make_baseline("oracle", context).fit(past, cards)
    assert 0.1 < gain(learned, context, past, cards) < gain(oracle, context, past, cards)


def test_the_best_single_candidate_is_always_chosen(
    past: OutcomeMatrix, cards: list[CapabilityCard], context: Context
) -> None:
    for name in ("best-single", "best-aptitude"):
        scorer = make_baseline(name, context).fit(past, cards)
        assert gain(scorer, context, past, cards) == 0
        np.testing.assert_allclose(
            scorer.scores(["Why?"], cards)[0], past.scores_NM.mean(axis=0), atol=1e-6
        )


def test_chance_hangs_on_the_seed(cards: list[CapabilityCard], context: Context) -> None:
    first, again, other = (
        make_baseline("random", replace(context, seed=seed)).fit(context.asked, cards)
        for seed in (0, 0, 1)
    )
    texts = context.asked.texts
    assert np.array_equal(first.scores(texts, cards), again.scores(texts, cards))
    assert not np.array_equal(first.scores(texts, cards), other.scores(texts, cards))
    assert first.scores(texts, cards).mean() == pytest.approx(0.5, abs=0.05)
