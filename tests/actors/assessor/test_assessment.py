"""What each method gets to see, and who is left out of what."""

import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest
from numpy.typing import NDArray

from actors.assessor.assessment import Assessment, Run, assess
from actors.assessor.cases import cases
from actors.assessor.methods import MakeMethod, Method
from actors.assessor.parts import parts
from actors.assessor.plan import TEST, VALIDATION, Plan, Setting
from actors.examiner.card import CapabilityCard
from actors.examiner.outcomes import OutcomeMatrix
from cluster.errors import TableError

MakePlan = Callable[..., Plan]
ZOO = ("adder", "lawyer", "linguist")


@dataclass
class Watched:
    """A learner that remembers what it was shown."""

    fitted: list[OutcomeMatrix]
    asked: list[list[str]]

    def fit(self, outcomes: OutcomeMatrix, cards: Sequence[CapabilityCard]) -> "Watched":
        assert [card.model_id for card in cards] == list(outcomes.candidates)
        self.fitted.append(outcomes)
        return self

    def scores(
        self, instructions: Sequence[str], cards: Sequence[CapabilityCard]
    ) -> NDArray[np.float32]:
        self.asked.append([card.model_id for card in cards])
        return np.full((len(instructions), len(cards)), 0.5, np.float32)


def watched_runs(
    plan: Plan, matrix: OutcomeMatrix, seen_only: bool = False
) -> tuple[dict[str, list[Run]], Watched]:
    watched = Watched([], [])
    sources = dict.fromkeys(plan.sources, matrix)
    return assess(plan, sources, lambda *_: Method(watched, seen_only)), watched


def setting(**keys: object) -> list[dict[str, object]]:
    return [{"name": "s", "tune": "source", "zoo": "three", **keys}]


@pytest.mark.parametrize("part", [VALIDATION, TEST])
def test_methods_are_tuned_on_the_train_part_alone(
    make_plan: MakePlan, matrix: OutcomeMatrix, part: str
) -> None:
    plan = make_plan(methods=["m"], settings=setting(), part=part, seeds=[3])
    runs, watched = watched_runs(plan, matrix)
    rows = parts(matrix, plan.split, 3, "")
    (run,) = runs["s"]
    (fitted,) = watched.fitted
    assert fitted.question_ids == matrix.questions(rows["train"]).question_ids
    assert run.measured.question_ids == matrix.questions(rows[part]).question_ids
    assert fitted.candidates == matrix.candidates
    assert run.measured.candidates == list(ZOO)
    assert watched.asked == [list(ZOO)]


def test_a_question_in_other_punctuation_is_not_tuned_on(
    make_plan: MakePlan, matrix: OutcomeMatrix
) -> None:
    plan = make_plan(
        sources={"source": {"folder": "a"}, "other": {"folder": "b"}},
        methods=["m"],
        settings=setting(test="other"),
        seeds=[3],
    )
    prompts = [prompt.replace("?", " -- really?!") for prompt in matrix.prompts]
    other = replace(matrix, prompts=[prompt.upper() for prompt in prompts])
    source = replace(matrix, prompts=[prompt.replace("--", "\u2013") for prompt in prompts])
    watched = Watched([], [])
    runs = assess(plan, {"source": source, "other": other}, lambda *_: Method(watched, False))
    measured = set(runs["s"][0].measured.question_ids)
    train = set(source.questions(parts(source, plan.split, 3, "")["train"]).question_ids)
    assert measured & train  # the two sources are split differently
    assert set(watched.fitted[0].question_ids) == train - measured


def test_signs_alone_are_what_they_are(make_plan: MakePlan, matrix: OutcomeMatrix) -> None:
    signs = replace(matrix, prompts=["?!" * (n + 1) for n in range(len(matrix))])
    plan = make_plan(methods=["m"], settings=setting(), seeds=[3])
    _, watched = watched_runs(plan, signs)
    assert len(watched.fitted[0]) == len(parts(signs, plan.split, 3, "")["train"])


def test_the_aptitude_test_is_in_the_train_part(
    make_plan: MakePlan, matrix: OutcomeMatrix, by_task: MakeMethod
) -> None:
    assessment = Assessment(make_plan(), {"source": matrix}, by_task, seed=0)
    exam = assessment.exam("source", ZOO, ZOO)
    assert set(exam.questions.question_ids) <= set(assessment.train["source"].question_ids)
    (card,) = exam.of(["lawyer"])
    assert {task.count for task in card.tasks} == {8}
    runs, _ = watched_runs(make_plan(methods=["m"], settings=setting()), matrix)
    assert [run.exam_questions for run in runs["s"]] == [32, 32]
    assert [run.exam_tuned for run in runs["s"]] == [32, 32]


@pytest.mark.parametrize(
    ("keys", "tuned", "seen"),
    [
        ({}, "adder allround lawyer linguist strong weak", "adder lawyer linguist"),
        ({"tuned_on": "zoo"}, "adder lawyer linguist", "adder lawyer linguist"),
        ({"unseen": True}, "allround strong weak", ""),
        ({"leave_out": "more"}, "allround lawyer linguist strong", "lawyer linguist"),
        ({"unseen": True, "leave_out": "more"}, "allround strong", ""),
        # The same models in another source are not the same: its harness is another.
        ({"test": "other"}, "adder allround lawyer linguist strong weak", ""),
    ],
)
def test_who_is_tuned_on(
    make_plan: MakePlan, matrix: OutcomeMatrix, keys: dict[str, object], tuned: str, seen: str
) -> None:
    plan = make_plan(
        sources={"source": {"folder": "a"}, "other": {"folder": "b"}},
        zoos={"three": list(ZOO), "more": ["adder", "weak"]},
        methods=["m"],
        settings=setting(**keys),
        seeds=[0],
    )
    runs, watched = watched_runs(plan, matrix)
    (run,) = runs["s"]
    assert list(run.case.tuned) == tuned.split()
    assert list(run.case.seen) == seen.split()
    assert watched.fitted[0].candidates == tuned.split()


def test_each_candidate_joins_in_turn(make_plan: MakePlan, matrix: OutcomeMatrix) -> None:
    plan = make_plan(methods=["m"], settings=setting(leave_one_out=True), seeds=[0])
    runs, _ = watched_runs(plan, matrix)
    left_out = [set(run.case.zoo) - set(run.case.seen) for run in runs["s"]]
    assert left_out == [{"adder"}, {"lawyer"}, {"linguist"}]
    assert runs["s"][1].case.name == "three, lawyer joins"


def test_a_method_that_knows_seen_ones_only_chooses_among_them(
    make_plan: MakePlan, matrix: OutcomeMatrix
) -> None:
    plan = make_plan(methods=["m"], settings=setting(leave_one_out=True), seeds=[0])
    runs, watched = watched_runs(plan, matrix, seen_only=True)
    assert watched.asked == [["lawyer", "linguist"], ["adder", "linguist"], ["adder", "lawyer"]]
    assert np.isneginf(runs["s"][1].scores["m"][:, 1]).all()
    plan = make_plan(methods=["m"], settings=setting(unseen=True), seeds=[0])
    assert watched_runs(plan, matrix, seen_only=True)[0]["s"][0].scores == {}


def test_cases_that_tune_on_the_same_are_tuned_once(
    make_plan: MakePlan, matrix: OutcomeMatrix
) -> None:
    zoos = {"three": list(ZOO), "two": ["weak", "strong"]}
    both = [*setting(), {"name": "t", "tune": "source", "zoo": "two"}]
    plan = make_plan(methods=["m"], zoos=zoos, settings=both, seeds=[0, 1])
    runs, watched = watched_runs(plan, matrix)
    assert len(watched.fitted) == 2  # one a seed
    assert runs["t"][0].best == "strong"


class Counted:
    """A learner that counts the scorers that are still held whenever it makes another."""

    def __init__(self) -> None:
        self.made: list[weakref.ref[Watched]] = []
        self.held: list[int] = []

    def fit(self, outcomes: OutcomeMatrix, cards: Sequence[CapabilityCard]) -> Watched:
        self.held.append(sum(made() is not None for made in self.made))
        scorer = Watched([], [])
        self.made.append(weakref.ref(scorer))
        return scorer


def test_a_scorer_is_held_until_the_last_case_that_needs_it(
    make_plan: MakePlan, matrix: OutcomeMatrix
) -> None:
    settings = [
        *setting(),
        {"name": "joining", "tune": "source", "zoo": "three", "leave_one_out": True},
        {"name": "again", "tune": "source", "zoo": "three"},
    ]
    plan = make_plan(methods=["m"], settings=settings, seeds=[0])
    learner = Counted()
    assess(plan, {"source": matrix}, lambda *_: Method(learner))
    assert learner.held == [0, 1, 1, 1]  # of the first and the last setting, which share one


def test_the_best_single_is_known_before_measuring(
    make_plan: MakePlan, matrix: OutcomeMatrix
) -> None:
    zoos = {"all": list(matrix.candidates)}
    for unseen in (False, True):
        plan = make_plan(zoos={**zoos, "three": ["weak", "strong", "adder"]})
        keys = {"name": "s", "tune": "source", "zoo": "three", "unseen": unseen}
        plan = plan.model_copy(update={"settings": [Setting.model_validate(keys)]})
        runs, _ = watched_runs(plan, matrix)
        assert {run.best for run in runs["s"]} == {"strong"}


@pytest.mark.parametrize("unseen", [False, True])
def test_the_best_single_of_graded_outcomes_is_right_most_often(
    make_plan: MakePlan, matrix: OutcomeMatrix, unseen: bool
) -> None:
    """As it is measured: who is nearly right in everything is right in nothing."""
    scores_NM = matrix.scores_NM.copy()
    scores_NM[:, [matrix.candidates.index(name) for name in ZOO]] = [0.0, 0.49, 0.3]
    scores_NM[::3, matrix.candidates.index("adder")] = 1.0
    plan = make_plan(settings=setting(unseen=unseen))
    runs, _ = watched_runs(plan, replace(matrix, scores_NM=scores_NM))
    assert {run.best for run in runs["s"]} == {"adder"}


def test_questions_that_not_all_were_asked_are_left_out(
    make_plan: MakePlan, matrix: OutcomeMatrix
) -> None:
    scores_NM = matrix.scores_NM.copy()
    scores_NM[::5, matrix.candidates.index("lawyer")] = np.nan
    plan = make_plan(settings=setting(), seeds=[0])
    runs, _ = watched_runs(plan, replace(matrix, scores_NM=scores_NM))
    full, _ = watched_runs(plan, matrix)
    assert runs["s"][0].left_out > 0
    assert len(runs["s"][0].measured) + runs["s"][0].left_out == len(full["s"][0].measured)


def test_a_zoo_that_was_asked_nothing_in_common(make_plan: MakePlan, matrix: OutcomeMatrix) -> None:
    scores_NM = matrix.scores_NM.copy()
    scores_NM[::2, 0] = np.nan
    scores_NM[1::2, 2] = np.nan
    gaps = replace(matrix, scores_NM=scores_NM)
    with pytest.raises(TableError, match=r"'three': no question of the validation part .* all 3"):
        watched_runs(make_plan(settings=setting()), gaps)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"zoo": "typo"}, "no candidate 'adderr'; there are: adder, allround"),
        ({"leave_out": "typo"}, "'typo', which is left out, names no known candidate 'adderr'"),
        ({"zoo": "everyone", "unseen": True}, "no candidate of 'source' is left to tune on"),
        (
            {"zoo": None, "random": {"size": 4, "below": 0.3}},
            "random zoos of 4 need as many candidates with a mean score below 0.3; there are 1",
        ),
    ],
)
def test_settings_that_cannot_be_are_told(
    make_plan: MakePlan, matrix: OutcomeMatrix, keys: dict[str, object], message: str
) -> None:
    zoos = {"three": list(ZOO), "typo": ["adderr", "weak"], "everyone": list(matrix.candidates)}
    with pytest.raises(TableError, match=message):
        watched_runs(make_plan(zoos=zoos, settings=setting(**keys)), matrix)


def test_random_zoos_are_the_same_for_all_seeds(make_plan: MakePlan, matrix: OutcomeMatrix) -> None:
    random = {"count": 4, "size": 3, "below": 0.6}
    plan = make_plan(settings=setting(zoo=None, random=random, unseen=True))
    runs, _ = watched_runs(plan, matrix)
    zoos = [[run.case.zoo for run in runs["s"] if run.seed == seed] for seed in (0, 1)]
    assert zoos[0] == zoos[1]
    assert all("strong" not in zoo for zoo in zoos[0])
    assert len(set(zoos[0])) > 1
    assert all(not run.case.seen for run in runs["s"])


def test_a_question_of_the_test_that_was_tuned_on_stops_everything(
    make_plan: MakePlan, matrix: OutcomeMatrix, by_task: MakeMethod
) -> None:
    plan = make_plan(settings=setting())
    assessment = Assessment(plan, {"source": matrix}, by_task, seed=0)
    (case,) = cases(plan, plan.settings[0], assessment.train)
    assessment.train["source"] = matrix
    with pytest.raises(AssertionError, match="measured on that was tuned on"):
        assessment.run(case)
