"""The fast selector in a small world: two topics, and candidates who know one better."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.covariance import LedoitWolf

from actors.examiner.card import CapabilityCard
from actors.examiner.outcomes import OutcomeMatrix, cards_from_outcomes
from actors.selector import checkpoint
from actors.selector.item_response import ItemResponse, kernel, pool_of, recognised
from actors.selector.scoring import AutoSelector
from actors.tuner.item_response import ItemResponseLearner
from cluster.errors import StoreError, TableError
from cluster.settings import ItemResponseSettings, SelectorSettings
from cluster.store import Store

WORDS = {"sums": "accuracy 7% 12% 40% task", "poems": "model achieves on the of"}
# How likely a candidate is right in sums and in poems.
CHANCES = {
    "all-round": (0.6, 0.6),
    "poet": (0.3, 0.8),
    "reckoner": (0.8, 0.3),
    "weak": (0.2, 0.2),
    "late-poet": (0.25, 0.85),
    "late-reckoner": (0.85, 0.25),
}
EARLY = ["all-round", "poet", "reckoner", "weak"]


def drawn(
    seed: int,
    per_task: int,
    candidates: Sequence[str],
    words: Mapping[str, str] = WORDS,
    chances: Mapping[str, Sequence[float]] = CHANCES,
) -> OutcomeMatrix:
    """Questions of all topics, their words shuffled, and answers by the candidates' chances."""
    rng = np.random.default_rng(seed)
    tasks = [task for task in words for _ in range(per_task)]
    texts = [" ".join(rng.permutation((words[task] + " '.").split() * 2)) for task in tasks]
    chances_NM = np.array(
        [[chances[name][[*words].index(task)] for name in candidates] for task in tasks]
    )
    return OutcomeMatrix(
        question_ids=[f"{seed}/{row}" for row in range(len(tasks))],
        prompts=texts,
        texts=texts,
        datasets=["d"] * len(tasks),
        categories=tasks,
        tasks=tasks,
        candidates=list(candidates),
        scores_NM=(rng.random(chances_NM.shape) < chances_NM).astype(np.float32),
    )


@pytest.fixture(scope="module")
def settings(tiny_sources: Callable[..., SelectorSettings]) -> ItemResponseSettings:
    return ItemResponseSettings(
        encoder=tiny_sources([*WORDS.values()]).encoder,
        layers=[1, 2],
        landmarks=100,
        ridge=1.0,
        precision="float32",  # a graph of integers takes seconds to make
    )


def learner(settings: ItemResponseSettings, tmp_path: Path) -> ItemResponseLearner:
    return ItemResponseLearner(pool_of(settings, Store(str(tmp_path))), settings)


def cards(candidates: Sequence[str], seed: int = 5) -> list[CapabilityCard]:
    return cards_from_outcomes(drawn(seed, 40, candidates), "test")


@pytest.fixture(scope="module")
def fast(settings: ItemResponseSettings, tmp_path_factory: pytest.TempPathFactory) -> ItemResponse:
    place = tmp_path_factory.mktemp("store")
    return learner(settings, place).fit(drawn(0, 300, EARLY), cards(EARLY))


def test_it_chooses_by_topic_among_candidates_it_was_tuned_on(fast: ItemResponse) -> None:
    asked = drawn(1, 50, EARLY)
    scores_NM = fast.scores(asked.texts, cards(EARLY))
    chosen = np.array(EARLY)[scores_NM.argmax(1)]
    right = np.where(np.array(asked.tasks) == "sums", "reckoner", "poet")
    assert (chosen == right).mean() > 0.9
    chances_NM = np.array([[CHANCES[name][t == "poems"] for name in EARLY] for t in asked.tasks])
    assert np.abs(scores_NM - chances_NM).mean() < 0.1  # and the level is a probability


def test_a_candidate_that_joins_later_needs_its_card_only(fast: ItemResponse) -> None:
    late = ["late-poet", "late-reckoner", "all-round"]
    asked = drawn(2, 50, late)
    scores_NM = fast.scores(asked.texts, cards(late))
    chosen = np.array(late)[scores_NM.argmax(1)]
    right = np.where(np.array(asked.tasks) == "sums", "late-reckoner", "late-poet")
    assert (chosen == right).mean() > 0.9


def test_of_a_card_of_another_test_the_level_is_read(fast: ItemResponse) -> None:
    (card,) = cards(["poet"], seed=6)
    ability = fast.ability(card.model_copy(update={"test": "other"}))
    assert ability.level == pytest.approx(card.mean_accuracy())
    np.testing.assert_allclose(ability.strengths, fast.parameters.prior_mean)
    assert not ability.strays.any()


def test_notes_on_a_card_change_nothing(fast: ItemResponse) -> None:
    card = next(card for card in cards(EARLY))
    noted = card.model_copy(update={"notes": "Licence: MIT."})
    assert fast.ability(noted) is fast.ability(card)


def of_tasks(fast: ItemResponse, texts: Sequence[str]) -> NDArray[np.float32]:
    return recognised(kernel(fast.pool(texts), fast.parameters), fast.parameters)


def test_it_recognises_the_task_of_an_instruction(fast: ItemResponse) -> None:
    asked = drawn(3, 50, EARLY)
    chances_NT = of_tasks(fast, asked.texts)
    assert (np.array(fast.tasks)[chances_NT.argmax(1)] == np.array(asked.tasks)).mean() > 0.95
    np.testing.assert_allclose(chances_NT.sum(1), 1, atol=1e-4)  # all were of one of the two


@pytest.mark.parametrize("named", [["sums"], ["sums", "poems"]])
def test_instructions_of_rare_tasks_are_of_none(
    settings: ItemResponseSettings, tmp_path: Path, named: list[str]
) -> None:
    outcomes = drawn(0, 60, EARLY)
    tasks = [t if t in named else f"odd {row}" for row, t in enumerate(outcomes.tasks)]
    of_named = [card.model_copy(update={"tasks": list(card.tasks)}) for card in cards(EARLY)]
    for card in of_named:
        card.tasks[:] = [result for result in card.tasks if result.task in named]
    some = learner(settings, tmp_path).fit(replace(outcomes, tasks=tasks), of_named)
    assert some.tasks == sorted(named)
    found_T = of_tasks(some, drawn(3, 50, EARLY).texts[50:]).mean(0)  # poems
    assert found_T[some.tasks.index("sums")] < 0.1
    assert ("poems" in named) == (found_T.sum() > 0.9)


def test_what_abilities_leave_over_in_a_task_is_read_off_a_card(
    settings: ItemResponseSettings, tmp_path: Path
) -> None:
    """One dimension tells poets from reckoners; who is good at both together strays from it."""
    words = {**WORDS, "both": " ".join(WORDS.values())}
    chances = {name: (*CHANCES[name], 0.5) for name in EARLY} | {
        "poet": (0.3, 0.8, 0.9),
        "weak": (0.2, 0.2, 0.6),
        "all-round": (0.6, 0.6, 0.2),
        "late-poet": (0.3, 0.8, 0.1),
    }
    names = [*EARLY, "late-poet"]
    carded = cards_from_outcomes(drawn(5, 60, names, words, chances), "test")
    outcomes = drawn(0, 200, EARLY, words, chances)
    one = settings.model_copy(update={"dimensions": 1})
    fast = learner(one, tmp_path).fit(outcomes, carded[:-1])
    late = fast.ability(carded[-1])
    assert fast.tasks == ["both", "poems", "sums"]
    assert -0.6 < late.strays[0] < -0.1  # some of what the card says is chance
    asked = drawn(1, 50, names, words, chances)
    poets_NM = fast.scores(asked.texts, [carded[names.index("poet")], carded[-1]])
    both_N = np.array(asked.tasks) == "both"
    assert (poets_NM[both_N, 0] - poets_NM[both_N, 1]).mean() > 0.3
    assert np.abs(poets_NM[~both_N, 0] - poets_NM[~both_N, 1]).mean() < 0.2


def test_a_new_kind_of_strength_is_read_although_abilities_explain_all_who_are_known(
    settings: ItemResponseSettings, tmp_path: Path
) -> None:
    """Three candidates, six dimensions: nothing strays. How far a fourth may, the three show."""
    words = {
        "sums": "accuracy 7% 12% 40% task",
        "poems": "model achieves on the of",
        "laws": "accuracy model 7% achieves",
        "maps": "the task of 12%",
    }
    chances = {
        "reckoner": (0.8, 0.2, 0.5, 0.5),
        "poet": (0.2, 0.8, 0.5, 0.5),
        "lawyer": (0.5, 0.5, 0.8, 0.2),
        "worldly": (0.2, 0.2, 0.8, 0.8),  # neither of those nor of their opposites
    }
    known, joins = [*chances][:3], [*chances][3:]
    carded = cards_from_outcomes(drawn(5, 60, [*chances], words, chances), "test")
    fast = learner(settings, tmp_path).fit(drawn(0, 200, known, words, chances), carded[:3])
    asked = drawn(1, 50, joins, words, chances)
    found_N = fast.scores(asked.texts, carded[3:])[:, 0]
    found_T = [found_N[np.array(asked.tasks) == task].mean() for task in words]
    np.testing.assert_allclose(found_T, chances["worldly"], atol=0.15)


def test_a_hard_exam_is_not_held_against_who_joins(
    settings: ItemResponseSettings, tmp_path: Path
) -> None:
    """Its questions about poems are harder than most, as the cards of known candidates show."""
    hard = {name: (sums, poems - 0.2) for name, (sums, poems) in CHANCES.items()}
    names = [*EARLY, "late-poet"]
    carded = cards_from_outcomes(drawn(5, 200, names, WORDS, hard), "test")
    fast = learner(settings, tmp_path).fit(drawn(0, 300, EARLY), carded[:-1])
    asked = drawn(1, 50, EARLY)
    poems_N = np.array(asked.tasks) == "poems"
    late_N = fast.scores(asked.texts, carded[-1:])[:, 0]
    assert carded[-1].mean_accuracy() < 0.5
    assert late_N[poems_N].mean() == pytest.approx(CHANCES["late-poet"][1], abs=0.08)
    assert late_N[~poems_N].mean() == pytest.approx(CHANCES["late-poet"][0], abs=0.08)


def test_what_is_hard_for_all_is_told_by_all(
    settings: ItemResponseSettings, tmp_path: Path
) -> None:
    outcomes = drawn(0, 300, ["poet", "late-poet", "all-round"])
    outcomes.scores_NM[:, 2] = outcomes.scores_NM[:, 0]
    outcomes.scores_NM[16:-16, 2] = np.nan  # a candidate that hardly anything is known of
    close = settings.model_copy(update={"ridge": 1e6})
    fast = learner(close, tmp_path).fit(outcomes, cards(outcomes.candidates))
    scores_N = fast.scores(drawn(1, 50, EARLY).texts, cards(outcomes.candidates))[:, 1]
    assert outcomes.candidates[2] == "all-round"
    assert scores_N[50:].mean() - scores_N[:50].mean() > 0.2


@pytest.mark.parametrize("easy", [0, 20])
def test_who_was_asked_hard_questions_mostly_is_scored_as_its_likes(
    settings: ItemResponseSettings, tmp_path: Path, easy: int
) -> None:
    names = [f"like {number}" for number in range(8)]
    chances = dict.fromkeys(names, (0.8, 0.3))
    carded = cards_from_outcomes(drawn(5, 40, names, WORDS, chances), "test")
    outcomes = drawn(0, 500, names, WORDS, chances)
    outcomes.scores_NM[:] = outcomes.scores_NM[:, :1]
    outcomes.scores_NM[easy:500, 0] = np.nan  # of the sums
    far = settings.model_copy(update={"ridge": 24.0})
    scores_NM = learner(far, tmp_path).fit(outcomes, carded).scores(outcomes.texts, carded)
    np.testing.assert_allclose(scores_NM[:500].mean(0), 0.8, atol=0.05)
    np.testing.assert_allclose(scores_NM[500:].mean(0), 0.3, atol=0.05)


def test_who_was_asked_the_hard_questions_of_a_task_does_not_stray_in_it(
    settings: ItemResponseSettings, tmp_path: Path
) -> None:
    names = [f"like {number}" for number in range(4)]
    chances = dict.fromkeys(names, (0.8, 0.3))
    carded = cards_from_outcomes(drawn(5, 40, names, WORDS, chances), "test")
    outcomes = drawn(0, 400, names, WORDS, chances)
    of_task_N = np.arange(800) % 4  # each of as many sums as poems
    outcomes = replace(outcomes, tasks=[f"task {place}" for place in of_task_N])
    complete = learner(settings, tmp_path).fit(outcomes, carded).parameters
    outcomes.scores_NM[(of_task_N < 2) == (np.arange(800) < 400), 0] = np.nan
    gappy = learner(settings, tmp_path).fit(outcomes, carded).parameters
    assert gappy.task_variance[0] == pytest.approx(complete.task_variance[0], abs=0.05**2)


def test_two_candidates_alike_say_how_a_third_is_read(
    settings: ItemResponseSettings, tmp_path: Path
) -> None:
    outcomes = drawn(0, 60, ["late-poet", "poet"])
    outcomes.scores_NM[:, 1] = outcomes.scores_NM[:, 0]
    alike = learner(settings, tmp_path).fit(outcomes, cards(outcomes.candidates))
    third = cards(["weak"])
    scores_N = alike.scores(drawn(1, 20, EARLY).texts, third)[:, 0]
    assert scores_N.mean() == pytest.approx(third[0].mean_accuracy(), abs=0.1)


def test_of_more_candidates_the_spread_is_read_as_it_is(fast: ItemResponse) -> None:
    found = fast.parameters
    strengths_MK = found.known[:, 1 : 1 + len(found.offset)].astype(np.float64)
    plain_KK = LedoitWolf().fit(strengths_MK).covariance_.astype(np.float32)
    plain = ItemResponse(
        fast.pool,
        fast.settings,
        replace(found, prior_covariance=plain_KK),
        fast.test,
        fast.tasks,
        fast.known,
    )
    asked, late = drawn(1, 20, EARLY).texts, cards(["late-poet", "weak", "late-reckoner"])
    np.testing.assert_allclose(fast.scores(asked, late), plain.scores(asked, late), atol=1e-6)


def test_cards_of_different_tests_are_refused(
    settings: ItemResponseSettings, tmp_path: Path
) -> None:
    mixed = cards(EARLY)
    mixed[0] = mixed[0].model_copy(update={"test": "other"})
    with pytest.raises(TableError, match="one aptitude test; found other, test"):
        learner(settings, tmp_path).fit(drawn(0, 20, EARLY), mixed)


def test_the_order_of_candidates_means_nothing(
    fast: ItemResponse, settings: ItemResponseSettings, tmp_path: Path
) -> None:
    asked = drawn(1, 10, EARLY).texts
    turned = EARLY[::-1]
    again = learner(settings, tmp_path).fit(drawn(0, 300, EARLY).of(turned), cards(EARLY)[::-1])
    by_name = again.scores(asked, cards(EARLY)[::-1])[:, ::-1]
    np.testing.assert_allclose(by_name, fast.scores(asked, cards(EARLY)), atol=1e-5)


def test_texts_that_are_alike_make_no_wild_weights(
    settings: ItemResponseSettings, tmp_path: Path
) -> None:
    """Their kernel is singular: what rounding decides must not speak in any score."""
    asked = drawn(0, 40, EARLY)
    thrice = asked.questions([row for row in range(len(asked)) for _ in range(3)])
    many = settings.model_copy(update={"landmarks": 200})
    found = learner(many, tmp_path).fit(thrice, cards(EARLY)).parameters
    assert np.abs(found.weights).max() < 10
    assert np.abs(found.task_weights).max() < 100


def test_gaps_are_left_out(settings: ItemResponseSettings, tmp_path: Path) -> None:
    outcomes = drawn(0, 300, EARLY)
    outcomes.scores_NM[::3, 1] = np.nan
    gappy = learner(settings, tmp_path).fit(outcomes, cards(EARLY))
    scores_NM = gappy.scores(drawn(1, 50, EARLY).texts, cards(EARLY))
    assert np.isfinite(scores_NM).all()
    assert scores_NM[:50, 1].mean() < 0.5 < scores_NM[50:, 1].mean()


@pytest.mark.parametrize(
    ("candidates", "carded", "gap", "message"),
    [
        (["poet"], ["poet"], False, "strengths are told by comparing; found 1 candidate"),
        (["poet", "weak"], ["poet"], False, "'weak' has no capability card; cards: poet"),
        (["poet", "weak"], ["poet", "weak"], True, "'weak' was asked no question"),
    ],
)
def test_outcomes_that_cannot_be_learned_from_are_refused(
    settings: ItemResponseSettings,
    tmp_path: Path,
    candidates: list[str],
    carded: list[str],
    gap: bool,
    message: str,
) -> None:
    outcomes = drawn(0, 20, candidates)
    if gap:
        outcomes.scores_NM[:, -1] = np.nan
    with pytest.raises(TableError, match=message):
        learner(settings, tmp_path).fit(outcomes, cards(carded))


def test_a_saved_selector_scores_the_same(settings: ItemResponseSettings, tmp_path: Path) -> None:
    in_integers = settings.model_copy(update={"precision": "int8"})
    fast = learner(in_integers, tmp_path).fit(drawn(0, 100, EARLY), cards(EARLY))
    folder = tmp_path / "fast"
    checkpoint.save(fast, folder, {"test": "test"})
    asked = drawn(1, 10, EARLY).texts
    late = cards([*EARLY, "late-poet"])
    before: NDArray[np.float32] = fast.scores(asked, late)
    np.testing.assert_array_equal(AutoSelector.from_pretrained(folder).scores(asked, late), before)
    assert checkpoint.about(folder)["kind"] == "item-response"


def test_a_missing_tensor_is_refused_by_name(fast: ItemResponse, tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    folder = tmp_path / "fast"
    checkpoint.save(fast, folder, {"test": "test"})
    tensors = load_file(folder / "items.safetensors")
    del tensors["profiles"]
    save_file(tensors, folder / "items.safetensors")
    with pytest.raises(StoreError, match=r"items\.safetensors: tensor 'profiles' is missing"):
        checkpoint.load(folder)
