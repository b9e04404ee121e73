"""The embedded question bank: multiple-choice tasks of many fields, written for this project.

It lets an aptitude test be set without any download. Questions are computed from rules or read
off small tables of facts, are the same for the same seed, and share no prompt between tasks.
``task.py`` owns how questions are made; the other modules own one field each.
"""

import pyarrow as pa

from actors.examiner.bank import (
    arithmetic,
    code,
    geography,
    language,
    logic,
    mathematics,
    measures,
    numerals,
    science,
    society,
    text,
    translation,
)
from actors.examiner.bank.task import Task
from cluster.errors import UserError
from cluster.tables import QUESTIONS, from_rows

TASKS: tuple[Task, ...] = (
    *arithmetic.TASKS,
    *numerals.TASKS,
    *mathematics.TASKS,
    *measures.TASKS,
    *logic.TASKS,
    *text.TASKS,
    *code.TASKS,
    *language.TASKS,
    *translation.TASKS,
    *geography.TASKS,
    *science.TASKS,
    *society.TASKS,
)


def bank_questions(per_task: int = 60, seed: int = 0) -> pa.Table:
    """The first ``per_task`` questions of every task for ``seed``, as QUESTIONS.

    A smaller ``per_task`` gives the beginning of what a larger one gives.

    Raises:
        UserError: ``per_task`` is below 1, or above what some task offers.
    """
    if per_task < 1:
        raise UserError(f"per_task must be at least 1; found {per_task}")
    return from_rows((row for task in TASKS for row in task.rows(per_task, seed)), QUESTIONS)
