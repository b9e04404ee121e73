"""Past outcomes as a matrix: how well each candidate did each question, and cards made from them.

Owns the checks of published results, the split of questions by their words, and capability cards
for candidates whose results are known already (no exam is run). Methods that learn from outcomes
and measures of selection start from here.

A folder holds ``questions.parquet`` (question_id, dataset, category, prompt, options, and any
further columns), ``outcomes.parquet`` (OUTCOMES, or ``correct`` for ``score``) and, for replays,
``models.parquet`` (model_id, release_date).

Shapes: N questions, M candidates.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from actors.examiner.card import CapabilityCard, TaskResult
from actors.examiner.questions import question_text
from cluster.errors import TableError
from cluster.tables import check_options, check_outcomes, check_unique, conform

_ASKED = pa.schema(
    [
        pa.field("question_id", pa.string(), False),
        pa.field("dataset", pa.string(), False),
        pa.field("category", pa.string(), False),
        pa.field("prompt", pa.string(), False),
        pa.field("options", pa.list_(pa.string())),
    ]
)
_FIRST_ROWS = 3


@dataclass(frozen=True)
class OutcomeMatrix:
    """Scores of M candidates in N questions, and what is known of the questions.

    ``tasks`` names the fine-grained task of a question, from which aptitude tests are drawn;
    ``categories`` the coarse one that reports and per-category baselines use.
    """

    question_ids: Sequence[str]
    prompts: Sequence[str]
    texts: Sequence[str]  # prompt and options: the instruction
    datasets: Sequence[str]
    categories: Sequence[str]
    tasks: Sequence[str]
    candidates: Sequence[str]
    scores_NM: NDArray[np.float32]  # in [0, 1]; NaN where a candidate was not asked

    def questions(self, rows: Sequence[int] | NDArray[np.int64]) -> Self:
        """The matrix of some questions, in that order."""
        per_question = ("question_ids", "prompts", "texts", "datasets", "categories", "tasks")
        picked = {name: [getattr(self, name)[row] for row in rows] for name in per_question}
        return replace(self, scores_NM=self.scores_NM[np.asarray(rows, np.int64)], **picked)

    def of(self, candidates: Sequence[str]) -> Self:
        """The matrix of some candidates, in that order. Raises TableError for an unknown one."""
        places = {name: place for place, name in enumerate(self.candidates)}
        unknown = [name for name in candidates if name not in places]
        if unknown:
            raise TableError(
                f"outcomes: no candidate '{unknown[0]}'; there are: {', '.join(self.candidates)}"
            )
        columns = [places[name] for name in candidates]
        return replace(self, candidates=list(candidates), scores_NM=self.scores_NM[:, columns])

    def complete(self) -> Self:
        """The questions that every candidate was asked."""
        return self.questions(np.flatnonzero(~np.isnan(self.scores_NM).any(axis=1)))

    def __len__(self) -> int:
        return len(self.question_ids)


def outcome_matrix(
    questions: pa.Table, outcomes: pa.Table, task_column: str = "category", name: str = "outcomes"
) -> OutcomeMatrix:
    """Joins questions and OUTCOMES.

    Questions without any outcome are left out; the others keep their order, candidates are sorted.
    Outcomes that failed (``error``) are none, and a right one that failed its circle test is wrong.

    Args:
        questions: question_id, dataset, category, prompt, options, and ``task_column``.
        outcomes: OUTCOMES, or with ``correct`` for ``score``.
        task_column: names the fine-grained task of a question.
        name: says in errors which table it is.

    Raises:
        TableError: a column is missing or of a wrong type, an id stands twice, a question has more
            options than letters, a score lies outside [0, 1], an outcome is of an unknown question,
            or all failed.
    """
    if task_column not in questions.column_names:
        raise TableError(
            f"{name}: questions have no column '{task_column}' to take tasks from; "
            f"found: {', '.join(questions.column_names)}"
        )
    tasks = [str(task) for task in questions[task_column].to_pylist()]
    questions = conform(questions, _ASKED, f"{name}: questions")
    check_unique(questions, ["question_id"], f"{name}: questions")
    check_options(questions, name)
    outcomes = check_outcomes(outcomes, name)
    answered = outcomes.filter(pc.is_null(outcomes["error"]))
    if not answered.num_rows:
        raise TableError(
            f"{name}: all {outcomes.num_rows} outcomes failed (column 'error'), the first by "
            f"'{outcomes['error'][0]}'; at least one must be an answer's"
        )
    outcomes = answered
    ids = questions["question_id"].combine_chunks()
    rows = pc.index_in(outcomes["question_id"].combine_chunks(), ids)
    _check_known(outcomes, rows, name)
    candidates = sorted(set(outcomes["model_id"].to_pylist()))
    columns = pc.index_in(outcomes["model_id"].combine_chunks(), pa.array(candidates, pa.string()))
    scores_NM = np.full((len(ids), len(candidates)), np.nan, np.float32)
    lucky = pc.equal(outcomes["circle"], False)
    scores = pc.if_else(pc.fill_null(lucky, False), 0.0, outcomes["score"])
    scores_NM[rows.to_numpy(), columns.to_numpy()] = scores.to_numpy()
    prompts, options = questions["prompt"].to_pylist(), questions["options"].to_pylist()
    matrix = OutcomeMatrix(
        question_ids=ids.to_pylist(),
        prompts=prompts,
        texts=[question_text(*asked) for asked in zip(prompts, options, strict=True)],
        datasets=questions["dataset"].to_pylist(),
        categories=questions["category"].to_pylist(),
        tasks=tasks,
        candidates=candidates,
        scores_NM=scores_NM,
    )
    return matrix.questions(np.flatnonzero(~np.isnan(scores_NM).all(axis=1)))


def normal_words(prompt: str) -> str:
    """A prompt without its case and spacing: two questions with the same words are one.

    Punctuation counts: a minus sign makes another question.
    """
    return " ".join(prompt.lower().split())


def split_position(prompt: str, seed: int = 0) -> float:
    """Where a question stands in [0, 1) when questions are split.

    It hangs on the words of its prompt alone: the same prompt, its options in any order, in any
    source, is always on the same side of a split.
    """
    words = normal_words(prompt)
    key = f"{seed}\n{words}" if seed else words
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") / 2**64


def cards_from_outcomes(matrix: OutcomeMatrix, test: str, notes: str = "") -> list[CapabilityCard]:
    """The card of every candidate, as if the questions of ``matrix`` had been its aptitude test.

    Args:
        matrix: the test's questions; every candidate must have been asked all of them.
        test: names the test.
        notes: expert knowledge for every card.

    Raises:
        TableError: a candidate was not asked a question of the test.
    """
    gaps = np.argwhere(np.isnan(matrix.scores_NM))
    if len(gaps):
        row, column = gaps[0]
        raise TableError(
            f"outcomes: candidate '{matrix.candidates[column]}' was not asked question "
            f"'{matrix.question_ids[row]}' of the aptitude test ({len(gaps)} gaps in all)"
        )
    tasks = np.array(matrix.tasks)
    masks = {task: tasks == task for task in sorted(set(matrix.tasks))}
    return [
        CapabilityCard(
            model_id=candidate,
            test=test,
            tasks=[
                TaskResult(
                    task=task,
                    keywords=task.replace("_", " ").replace("-", " ").split(),
                    accuracy=float(matrix.scores_NM[mask, column].mean()),
                    count=int(mask.sum()),
                )
                for task, mask in masks.items()
            ],
            notes=notes,
        )
        for column, candidate in enumerate(matrix.candidates)
    ]


def _check_known(outcomes: pa.Table, rows: pa.Array, name: str) -> None:
    if rows.null_count:
        unknown = outcomes.filter(pc.is_null(rows)).slice(0, _FIRST_ROWS)
        found = list(
            zip(unknown["model_id"].to_pylist(), unknown["question_id"].to_pylist(), strict=True)
        )
        raise TableError(
            f"{name}: {rows.null_count} outcomes are of unknown questions, first: {found}"
        )
