"""Outcomes of a source, their parts, and the aptitude test that is drawn from the train part.

A question's part hangs on its words and the seed alone, so it is the same in all sources: what is
measured in one was tuned on in none.

Shapes: N questions.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from actors.assessor.plan import PARTS, Exam, Source, Split
from actors.examiner.outcomes import OutcomeMatrix, outcome_matrix, split_position
from cluster.errors import TableError
from cluster.tables import read_table

Rows = NDArray[np.int64]


def read_source(source: Source) -> OutcomeMatrix:
    """The outcomes of a source without the candidates that are left out.

    Raises:
        TableError: as ``outcome_matrix``; a column the plan names is missing; or a candidate to
            leave out is not there.
    """
    folder = Path(source.folder)
    outcomes = read_table(str(folder / "outcomes.parquet"))
    if source.outcome is not None:
        if source.outcome not in outcomes.column_names:
            raise TableError(
                f"{folder}: outcomes have no column '{source.outcome}'; "
                f"found: {', '.join(outcomes.column_names)}"
            )
        others = {"score", "correct"} - {source.outcome}
        outcomes = outcomes.drop_columns(sorted(others & set(outcomes.column_names)))
    questions = read_table(str(folder / "questions.parquet"))
    matrix = outcome_matrix(questions, outcomes, source.tasks, str(folder))
    matrix.of(source.leave_out)
    return matrix.of([name for name in matrix.candidates if name not in source.leave_out])


def parts(matrix: OutcomeMatrix, split: Split, seed: int, name: str) -> dict[str, Rows]:
    """The rows of each part. Raises TableError where a part is empty; ``name`` says of what."""
    positions_N = np.array([split_position(prompt, seed) for prompt in matrix.prompts])
    part_N = np.searchsorted([split.train, split.train + split.validation], positions_N, "right")
    rows = {part: np.flatnonzero(part_N == place) for place, part in enumerate(PARTS)}
    for part, found in rows.items():
        if not len(found):
            raise TableError(
                f"{name}: the {part} part is empty (seed {seed}, {len(matrix)} questions)"
            )
    return rows


def aptitude_test(
    train: OutcomeMatrix, candidates: Sequence[str], exam: Exam, seed: int, name: str
) -> OutcomeMatrix:
    """The questions of an aptitude test, with the outcomes of ``candidates``.

    Tasks are drawn among those with enough questions that all candidates were asked. Which come
    first hangs on the seed only: the tests of two groups of candidates share what they can.

    Raises:
        TableError: no task has enough questions.
    """
    rng = np.random.default_rng(seed)
    rank_N = rng.permutation(len(train))
    order = rng.permutation(sorted(set(train.tasks)))
    matrix = train.of(candidates)
    asked = np.flatnonzero(~np.isnan(matrix.scores_NM).any(axis=1))
    of_task: dict[str, list[int]] = {}
    for row in asked[np.argsort(rank_N[asked])]:
        of_task.setdefault(matrix.tasks[row], []).append(row)
    drawn = [of_task[task] for task in order if len(of_task.get(task, ())) >= exam.shots]
    if not drawn:
        raise TableError(
            f"{name}: no task has {exam.shots} questions in the train part that all "
            f"{len(candidates)} candidates were asked"
        )
    return matrix.questions([row for rows in drawn[: exam.tasks] for row in rows[: exam.shots]])
