"""The aptitude test: which questions are asked, and the hash that names the test.

A test is drawn from a table of questions by seed: ``tasks`` core tasks with ``shots`` questions
each. The ``practice`` questions of the same tasks are asked along with it for tuning selectors;
they are not part of the test, so neither its hash nor a card depends on them, and a candidate
that joins later needs the test alone.
"""

import hashlib
import json
import random
from dataclasses import dataclass

import pyarrow as pa

from actors.examiner.questions import ASK_ANSWER, ASK_LETTER, load_questions
from cluster.errors import UserError
from cluster.settings import ExamSettings
from cluster.tables import QUESTIONS, from_rows

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
    """
    needed = exam.shots + exam.practice
    return draw_test(load_questions(exam.questions, per_task=needed), exam)


def draw_test(questions: pa.Table, exam: ExamSettings) -> AptitudeTest:
    """Draws a test from QUESTIONS, whatever the order of their rows.

    Raises:
        UserError: too few tasks have as many questions as are asked for.
    """
    by_task: dict[str, list[dict[str, object]]] = {}
    for row in sorted(questions.to_pylist(), key=lambda row: str(row["question_id"])):
        by_task.setdefault(row["category"], []).append(row)
    chosen = _choose_tasks({task: len(rows) for task, rows in by_task.items()}, exam)
    test, practice = [], []
    for task in chosen:
        # Drawn one after the other, so that more practice does not change the test.
        drawn = random.Random(f"{exam.seed}/{task}").sample(by_task[task], len(by_task[task]))
        test += drawn[: exam.shots]
        practice += drawn[exam.shots : exam.shots + exam.practice]
    return AptitudeTest(from_rows(test, QUESTIONS), from_rows(practice, QUESTIONS), exam.max_tokens)


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
