"""The assessment: for a seed, split, set the aptitude test, tune on the train part, score the rest.

Owns what each method sees: it is tuned on questions of the train part and the candidates of its
case, and reads cards made from questions of the train part. Those that differ from a question that
is measured, in any source, by punctuation alone are left out of it. What the scores are worth is
said in ``measures`` and ``figures``.

Shapes: N questions, M candidates of the zoo.
"""

import logging
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from actors.assessor.cases import Case, cases
from actors.assessor.methods import MakeMethod, Method
from actors.assessor.parts import aptitude_test, parts
from actors.assessor.plan import TRAIN, Plan
from actors.examiner.card import CapabilityCard
from actors.examiner.outcomes import OutcomeMatrix, cards_from_outcomes, normal_words
from cluster import progress
from cluster.errors import TableError
from cluster.tables import RIGHT

if TYPE_CHECKING:
    from actors.selector.scorer import Scorer

logger = logging.getLogger(__name__)

Scores = NDArray[np.float32]
Lesson = tuple[str, str, tuple[str, ...]]  # sources and candidates that cases tune on

_SIGNS = re.compile(r"[^\w\s]|_")


@dataclass(frozen=True)
class Run:
    """One case with one seed: what was measured on, and the scores of every method."""

    case: Case
    seed: int
    measured: OutcomeMatrix  # of the zoo; questions that all of it were asked
    left_out: int  # questions of the part that not all of the zoo were asked
    best: str  # the best single candidate, as far as can be known before measuring
    scores: Mapping[str, Scores]  # of each method, [N, M]; -inf: it cannot score the candidate
    cards: Sequence[CapabilityCard]  # of the zoo, as the methods read them
    tuned_questions: int
    exam_tasks: int
    exam_questions: int
    exam_tuned: int  # questions of the aptitude test that were also tuned on


@dataclass(frozen=True)
class Exam:
    """An aptitude test's questions and the cards of the candidates that sat it."""

    questions: OutcomeMatrix
    cards: Mapping[str, CapabilityCard]

    def of(self, candidates: Sequence[str]) -> list[CapabilityCard]:
        """The cards of some candidates, in that order."""
        return [self.cards[name] for name in candidates]


class Assessment:
    """All that one seed decides: the parts of each source, aptitude tests, tuned scorers."""

    def __init__(
        self, plan: Plan, sources: Mapping[str, OutcomeMatrix], make: MakeMethod, seed: int
    ) -> None:
        """``make`` makes a method by its name. Raises TableError where a part is empty."""
        self._plan, self._sources, self._make, self._seed = plan, sources, make, seed
        rows = {name: parts(source, plan.split, seed, name) for name, source in sources.items()}
        self._measured = {
            name: sources[name].questions(found[plan.part]) for name, found in rows.items()
        }
        measured = set[str]().union(*map(_words, self._measured.values()))
        self.train = {
            name: _without(sources[name].questions(found[TRAIN]), measured)
            for name, found in rows.items()
        }
        self._exams: dict[tuple[str, tuple[str, ...], tuple[str, ...]], Exam] = {}
        self._scorers: dict[Lesson, dict[tuple[str, ...], Scorer]] = {}

    def exam(self, source: str, candidates: Sequence[str], known: Sequence[str]) -> Exam:
        """The aptitude test of some candidates of a source, and their cards.

        ``known`` are those whose outcomes say which questions tell candidates apart.
        """
        key = (source, tuple(sorted(set(candidates))), tuple(sorted(known)))
        if key not in self._exams:
            train, exam = self.train[source], self._plan.exam
            test = aptitude_test(train, key[1], exam, self._seed, f"source '{source}'", key[2])
            cards = cards_from_outcomes(test, f"{source}, seed {self._seed}")
            self._exams[key] = Exam(test, {card.model_id: card for card in cards})
        return self._exams[key]

    def runs(self, cases: Sequence[Case]) -> Iterator[Run]:
        """``run`` of each case; what was tuned is let go with the last case that needs it."""
        left = Counter(map(_lesson, cases))
        for case in cases:
            run, lesson = self.run(case), _lesson(case)
            left[lesson] -= 1
            if not left[lesson]:
                self._scorers.pop(lesson, None)
            yield run

    def run(self, case: Case) -> Run:
        """Tunes and scores one case with all methods of the plan that can choose in it.

        Raises:
            TableError: a candidate has no outcomes, no question of the part was asked of the
                whole zoo, or no aptitude test can be set.
        """
        part = self._measured[case.test].of(case.zoo)
        measured = part.complete()
        if not len(measured):
            raise TableError(
                f"'{case.name}': no question of the {self._plan.part} part of '{case.test}' was "
                f"asked of all {len(case.zoo)} candidates of the zoo"
            )
        same = case.tune == case.test
        tune_exam = self.exam(case.tune, [*case.tuned, *(case.zoo if same else ())], case.tuned)
        zoo_exam = tune_exam
        if not same:
            others = [name for name in self.train[case.test].candidates if name not in case.zoo]
            zoo_exam = self.exam(case.test, case.zoo, others)
        tuning = self.train[case.tune].of(case.tuned)
        _check_disjoint(measured, [tuning, tune_exam.questions, zoo_exam.questions])
        scores = {}
        for name in self._plan.methods:
            method = self._make(name, case.test, self._seed)
            able = case.seen if method.seen_only else case.zoo
            if len(able) < 2:
                continue
            logger.debug("seed %d, %s: %s", self._seed, case.name, name)
            scorer = self._scorer(name, method, case, tuning, tune_exam)
            found = scorer.scores(measured.texts, zoo_exam.of(able))
            assert found.shape == (len(measured), len(able)), (name, found.shape)
            assert ((found >= 0) & (found <= 1)).all(), f"{name}: scores must lie in [0, 1]"
            scores[name] = np.full((len(measured), len(case.zoo)), -np.inf, np.float32)
            scores[name][:, [case.zoo.index(candidate) for candidate in able]] = found
        exam_words = set(_words(zoo_exam.questions))
        return Run(
            case=case,
            seed=self._seed,
            measured=measured,
            left_out=len(part) - len(measured),
            best=self._best_single(case, zoo_exam),
            scores=scores,
            cards=zoo_exam.of(case.zoo),
            tuned_questions=len(tuning),
            exam_tasks=len(set(zoo_exam.questions.tasks)),
            exam_questions=len(zoo_exam.questions),
            exam_tuned=len(exam_words.intersection(_words(tuning))),
        )

    def _scorer(
        self, name: str, method: Method, case: Case, tuning: OutcomeMatrix, exam: Exam
    ) -> "Scorer":
        """The method, tuned; cases that tune it on the same share it."""
        tuned = self._scorers.setdefault(_lesson(case), {})
        key = (name, *exam.questions.question_ids)
        if key not in tuned:
            tuned[key] = method.learner.fit(tuning, exam.of(case.tuned))
        return tuned[key]

    def _best_single(self, case: Case, exam: Exam) -> str:
        """By the mean over data sets of the train part; by cards where some are not tuned on.

        Who is right most often, for that is what gains over it are measured in.
        """
        if len(case.seen) < len(case.zoo):
            cards = cards_from_outcomes(_right(exam.questions.of(case.zoo)), "right")
            means = {card.model_id: card.mean_accuracy() for card in cards}
        else:
            train = _right(self.train[case.test].of(case.zoo).complete())
            of_dataset = np.array(train.datasets)
            masks = [of_dataset == name for name in np.unique(of_dataset)]
            means_DM = [train.scores_NM[mask].mean(axis=0) for mask in masks]
            means = dict(zip(case.zoo, np.mean(means_DM, axis=0), strict=True))
        return min(means, key=lambda name: (-means[name], name))


def assess(
    plan: Plan, sources: Mapping[str, OutcomeMatrix], make: MakeMethod
) -> dict[str, list[Run]]:
    """The runs of every setting, over all its cases and all seeds.

    Raises:
        TableError: as ``Assessment`` and ``cases``.
    """
    measured_on = {setting.test_source for setting in plan.settings}
    measured_on |= {replay.source for replay in plan.replays}
    for name, source in product(plan.methods, sorted(measured_on)):  # told before hours of tuning
        make(name, source, plan.seeds[0])
    runs: dict[str, list[Run]] = {setting.name: [] for setting in plan.settings}
    wanted: dict[str, list[Case]] = {}
    with progress.line(f"assess {plan.name}") as line:
        for seed in plan.seeds:
            assessment = Assessment(plan, sources, make, seed)
            if not wanted:  # random zoos are the same for all seeds
                wanted = {each.name: cases(plan, each, assessment.train) for each in plan.settings}
                line.at(0, len(plan.seeds) * sum(map(len, wanted.values())))
            made = assessment.runs([case for found in wanted.values() for case in found])
            for name, found in wanted.items():
                runs[name] += [next(made) for _ in line.counted(found)]
    return runs


def _lesson(case: Case) -> Lesson:
    return case.tune, case.test, case.tuned


def _check_disjoint(measured: OutcomeMatrix, known: Sequence[OutcomeMatrix]) -> None:
    words = set(_words(measured))
    for matrix in known:
        assert words.isdisjoint(_words(matrix)), "a question is measured on that was tuned on"


def _right(matrix: OutcomeMatrix) -> OutcomeMatrix:
    """Outcomes that have no gaps, as right or wrong."""
    return replace(matrix, scores_NM=(matrix.scores_NM >= RIGHT).astype(np.float32))


def _without(matrix: OutcomeMatrix, words: Set[str]) -> OutcomeMatrix:
    """The questions that have other words than those."""
    return matrix.questions([row for row, own in enumerate(_words(matrix)) if own not in words])


def _words(matrix: OutcomeMatrix) -> list[str]:
    """Each question's words, without punctuation: what differs in nothing else is one here."""
    return [normal_words(_SIGNS.sub(" ", prompt)) or prompt for prompt in matrix.prompts]
