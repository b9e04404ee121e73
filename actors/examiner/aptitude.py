"""The aptitude test: which questions are asked, and the hash that names the test.

A test is drawn from a table of questions by seed: ``tasks`` core tasks with ``shots`` questions
each. The ``practice`` questions of the same tasks are asked along with it for tuning selectors;
they are not part of the test, so neither its hash nor a card depends on them, and a candidate
that joins later needs the test alone.

Within a task every question is as likely as any other, or, with ``exam.sampling`` set to
``distinguishing``, the more likely the better it told candidates apart so far (paper: Core task
sampling). Practice is drawn uniformly from what is left either way: what selectors learn from
should look like what they will be asked.
"""

import hashlib
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from actors.examiner.outcomes import OutcomeMatrix, outcome_matrix
from actors.examiner.questions import ASK_ANSWER, ASK_LETTER, load_questions
from cluster.errors import SettingsError, UserError
from cluster.settings import ExamSettings
from cluster.tables import QUESTIONS, check_outcomes, from_rows, read_table

_HASH_LENGTH = 16


@dataclass(frozen=True)
class AptitudeTest:
    """The questions of a test (QUESTIONS), and those asked for practice; the latter may be none."""

    questions: pa.Table
    practice: pa.Table
    max_tokens: int

    @property
    def hash(self) -> str:
        """What names the test: changes with any question, and with how they are asked."""
        content = {
            "questions": self.questions.to_pylist(),
            "ask": [ASK_LETTER, ASK_ANSWER],
            "max_tokens": self.max_tokens,
        }
        text = json.dumps(content, sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()[:_HASH_LENGTH]

    def asked(self) -> pa.Table:
        """All questions that candidates are asked."""
        return pa.concat_tables([self.questions, self.practice])


def planned_test(exam: ExamSettings) -> AptitudeTest:
    """The test that the settings describe; the same settings give the same test.

    Raises:
        UserError: the questions cannot be had, or are fewer than asked for.
        SettingsError, TableError: as ``draw_test``; or a file of past outcomes is none.
    """
    # Not for practice as well: the bank would make more, and the test be drawn from others.
    questions = load_questions(exam.questions, per_task=exam.shots)
    return draw_test(questions, exam, _past_outcomes(questions, exam))


def draw_test(
    questions: pa.Table, exam: ExamSettings, outcomes: OutcomeMatrix | None = None
) -> AptitudeTest:
    """Draws a test from QUESTIONS, whatever the order of their rows.

    Args:
        questions: what can be asked.
        exam: how many tasks and questions, and how they are drawn.
        outcomes: of these questions, past ones; sampling ``distinguishing`` needs them. Questions
            without any are not drawn for the test then.

    Raises:
        UserError: too few tasks have as many questions as are asked for, or too few that told
            candidates apart.
        SettingsError: sampling is ``distinguishing`` and there are no past outcomes.
    """
    by_task: dict[str, list[dict[str, Any]]] = {}
    for row in sorted(questions.to_pylist(), key=lambda row: str(row["question_id"])):
        by_task.setdefault(row["category"], []).append(row)
    chosen = _choose_tasks({task: len(rows) for task, rows in by_task.items()}, exam)
    weights = _weights(exam, outcomes)
    test, practice = [], []
    for task in chosen:
        # Drawn one after the other, so that more practice does not change the test.
        drawn = random.Random(f"{exam.seed}/{task}").sample(by_task[task], len(by_task[task]))
        if weights is not None:
            drawn = _distinguishing_first(drawn, weights, task, exam)
        test += drawn[: exam.shots]
        practice += drawn[exam.shots : exam.shots + exam.practice]
    return AptitudeTest(from_rows(test, QUESTIONS), from_rows(practice, QUESTIONS), exam.max_tokens)


def distinguishability(scores_NM: NDArray[np.float32]) -> NDArray[np.float64]:
    """How well each question tells candidates apart: p(1 - p), p being their mean score, ``[N]``.

    It is largest where half are right and nothing where all or none are (paper: Core task
    sampling, which gives these three points and no formula). For marks of 0 and 1 it is the
    variance of the scores.

    Args:
        scores_NM: in [0, 1]; NaN where a candidate was not asked. Each question needs an outcome.
    """
    means_N = np.nanmean(scores_NM.astype(np.float64), axis=1)
    weights_N: NDArray[np.float64] = means_N * (1 - means_N)
    return weights_N


def weighted_order(weights: Sequence[float], seed: str) -> list[int]:
    """The places of ``weights`` as drawn one by one without replacement, each by its weight.

    Places of no weight are never drawn. Each place gets an exponential waiting time, and the
    shortest comes first (Efraimidis and Spirakis 2006). It is not numpy's ``choice``, for numpy
    may change its streams from version to version, and a test must stay the same.
    """
    draw = random.Random(seed)
    times = [draw.expovariate(weight or 1.0) for weight in weights]
    drawn = [place for place, weight in enumerate(weights) if weight > 0]
    return sorted(drawn, key=lambda place: times[place])


def _past_outcomes(questions: pa.Table, exam: ExamSettings) -> OutcomeMatrix | None:
    """Past outcomes of ``questions``, from all files of the settings; others are left out."""
    if not exam.outcomes:
        return None
    past = pa.concat_tables(check_outcomes(read_table(file), file) for file in exam.outcomes)
    asked = questions["question_id"].combine_chunks()
    past = past.filter(pc.is_in(past["question_id"], value_set=asked))
    if past.num_rows == 0:
        raise SettingsError(
            f"key 'exam.outcomes': no outcome is of questions '{exam.questions}'; "
            f"files: {', '.join(exam.outcomes)}"
        )
    return outcome_matrix(questions, past, name="exam.outcomes")


def _weights(exam: ExamSettings, outcomes: OutcomeMatrix | None) -> dict[str, float] | None:
    """Of each question id how well it told candidates apart; None where that does not matter."""
    if exam.sampling == "uniform":
        return None
    if outcomes is None:
        raise SettingsError(
            "key 'exam.sampling': 'distinguishing' needs past outcomes of the questions; "
            "name their files in key 'exam.outcomes', or set 'uniform'"
        )
    weights_N = distinguishability(outcomes.scores_NM).tolist()
    return dict(zip(outcomes.question_ids, weights_N, strict=True))


def _distinguishing_first(
    rows: list[dict[str, Any]], weights: dict[str, float], task: str, exam: ExamSettings
) -> list[dict[str, Any]]:
    """``rows`` led by as many as the test needs, drawn by weight; the rest stays in its order."""
    order = weighted_order(
        [weights.get(row["question_id"], 0.0) for row in rows], f"{exam.seed}/{task}/distinguishing"
    )
    if len(order) < exam.shots:
        raise UserError(
            f"questions '{exam.questions}': task '{task}' has {len(order)} questions that some "
            f"candidates got right and others wrong; {exam.shots} were asked for (key 'exam.shots')"
        )
    first = order[: exam.shots]
    rest = [row for place, row in enumerate(rows) if place not in first]
    return [rows[place] for place in first] + rest


def _choose_tasks(counts: dict[str, int], exam: ExamSettings) -> list[str]:
    needed = exam.shots + exam.practice
    if len(counts) < exam.tasks:
        raise UserError(
            f"questions '{exam.questions}' have {len(counts)} tasks; {exam.tasks} were asked for "
            "(key 'exam.tasks')"
        )
    # Among all tasks, not those with enough questions: else practice would change the test.
    chosen = sorted(random.Random(exam.seed).sample(sorted(counts), exam.tasks))
    for task in chosen:
        if counts[task] < needed:
            raise UserError(
                f"questions '{exam.questions}': task '{task}' has {counts[task]} questions; "
                f"{exam.shots} + {exam.practice} were asked for (keys 'exam.shots' and "
                "'exam.practice')"
            )
    return chosen
