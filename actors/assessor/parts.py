"""Outcomes of a source, their parts, and the aptitude test that is drawn from the train part.

A question's part hangs on its words and the seed alone, so it is the same in all sources: what is
measured in one was tuned on in none. Where only punctuation tells two questions apart, they may lie
in two parts; ``assessment`` leaves such a one out of tuning.

Shapes: N questions.
"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from actors.assessor.plan import PARTS, Exam, Source, Split
from actors.examiner.aptitude import distinguishability, weighted_order
from actors.examiner.outcomes import OutcomeMatrix, outcome_matrix, split_position
from cluster.errors import TableError
from cluster.tables import OUTCOMES, conform, file_in, is_there, read_table

Rows = NDArray[np.int64]

_WRITTEN = pa.schema([OUTCOMES.field(name) for name in ("model_id", "question_id", "output")])


def read_source(source: Source) -> OutcomeMatrix:
    """The outcomes of a source without the candidates that are left out.

    Raises:
        TableError: as ``outcome_matrix``; a column the plan names is missing; or a candidate to
            leave out is not there.
    """
    folder = source.folder
    outcomes = read_table(file_in(folder, "outcomes.parquet"))
    if source.outcome is not None:
        if source.outcome not in outcomes.column_names:
            raise TableError(
                f"{folder}: outcomes have no column '{source.outcome}'; "
                f"found: {', '.join(outcomes.column_names)}"
            )
        others = {"score", "correct"} - {source.outcome}
        outcomes = outcomes.drop_columns(sorted(others & set(outcomes.column_names)))
    questions = read_table(file_in(folder, "questions.parquet"))
    matrix = outcome_matrix(questions, outcomes, source.tasks, folder)
    matrix.of(source.leave_out)
    return matrix.of([name for name in matrix.candidates if name not in source.leave_out])


def read_outputs(source: Source, matrix: OutcomeMatrix) -> dict[tuple[str, str], str]:
    """What candidates wrote, by (model_id, instruction); ``matrix`` is the source's.

    It stands in ``outputs.parquet`` where there is one, else with the outcomes.

    Raises:
        TableError: it stands in neither; or as ``conform``.
    """
    apart = file_in(source.folder, "outputs.parquet")
    file = apart if is_there(apart) else file_in(source.folder, "outcomes.parquet")
    table = read_table(file)
    if "output" not in table.column_names:
        raise TableError(
            f"{file}: no column 'output' with what candidates wrote, which re-rankers need, and no "
            f"outputs.parquet beside it; found: {', '.join(table.column_names)}"
        )
    texts = dict(zip(matrix.question_ids, matrix.texts, strict=True))
    columns = [column.to_pylist() for column in conform(table, _WRITTEN, file).columns]
    return {
        (model_id, texts[question_id]): output
        for model_id, question_id, output in zip(*columns, strict=True)
        if question_id in texts and output is not None
    }


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
    train: OutcomeMatrix,
    candidates: Sequence[str],
    exam: Exam,
    seed: int,
    name: str,
    known: Sequence[str] = (),
) -> OutcomeMatrix:
    """The questions of an aptitude test, with the outcomes of ``candidates``.

    Tasks are drawn among those with enough questions that all candidates were asked. Which come
    first hangs on the seed only: the tests of two groups of candidates share what they can. Where
    there are fewer tasks than the exam has room for, larger ones are asked more.

    Args:
        train: what the questions are drawn from.
        candidates: who sits the test.
        exam: how many tasks and questions, and how they are drawn.
        seed: of the draw.
        name: says in errors whose test it is.
        known: candidates whose outcomes say which questions tell candidates apart.

    Raises:
        TableError: no task has enough questions.
    """
    rng = np.random.default_rng(seed)
    rank_N = rng.permutation(len(train))
    order = rng.permutation(sorted(set(train.tasks)))
    matrix = train.of(candidates)
    asked = np.flatnonzero(~np.isnan(matrix.scores_NM).any(axis=1))
    asked = asked[np.argsort(rank_N[asked])]
    if exam.sampling == "distinguishing":
        scores_NM = train.of(known).scores_NM[asked]
        tried = ~np.isnan(scores_NM).all(axis=1)
        weights = distinguishability(scores_NM[tried])
        asked = asked[tried][weighted_order(weights.tolist(), str(seed))]
    of_task: dict[str, list[int]] = {}
    for row in asked:
        of_task.setdefault(matrix.tasks[row], []).append(row)
    drawn = [of_task[task] for task in order if len(of_task.get(task, ())) >= exam.shots]
    drawn = drawn[: exam.tasks]
    if not drawn:
        apart = "" if exam.sampling == "uniform" else " and that told the known ones apart"
        raise TableError(
            f"{name}: no task has {exam.shots} questions in the train part that all "
            f"{len(candidates)} candidates were asked{apart}"
        )
    rounds = _rounds([len(rows) for rows in drawn], exam)
    shots = [exam.shots * number for number in rounds]
    return matrix.questions(
        [row for rows, asked in zip(drawn, shots, strict=True) for row in rows[:asked]]
    )


def _rounds(sizes: Sequence[int], exam: Exam) -> list[int]:
    """How many times ``exam.shots`` questions each task is asked, ``exam.tasks`` times in all.

    Once each; what is left goes to tasks by their size, as seats to parties (D'Hondt's method), as
    far as they have so many questions. So the accuracy that counts most often is known best.
    """
    rounds = [1] * len(sizes)
    for _ in range(exam.tasks - len(sizes)):
        shares = [
            size / (number + 1) if size >= (number + 1) * exam.shots else 0.0
            for size, number in zip(sizes, rounds, strict=True)
        ]
        if not any(shares):
            break
        rounds[shares.index(max(shares))] += 1
    return rounds
