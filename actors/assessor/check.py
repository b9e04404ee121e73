"""What to know of outcomes before a selector is tuned on them: ``model-sat check``.

Owns the reading of a folder and the findings on single models: gaps, and models that look broken.
What is there twice is found by ``alike``, what could be gained by ``headroom``; how it is shown
is the business of ``check_text``.

Shapes: N questions, M models.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from actors.assessor.alike import (
    Leak,
    SameModels,
    SameQuestions,
    leaks,
    question_words,
    same_models,
    same_questions,
)
from actors.assessor.headroom import Headroom, headroom
from actors.examiner.outcomes import OutcomeMatrix, outcome_matrix
from cluster.tables import file_in, read_table

UNANSWERED = 0.5  # share of outputs without an answer from which a model looks broken
_BELOW_CHANCE = -4.0  # standard deviations below what guessing would score


@dataclass(frozen=True)
class Gaps:
    """Pairs of model and question that have no outcome."""

    pairs: int
    share: float
    complete_questions: int  # asked of every model
    models: Mapping[str, int]  # questions that a model was not asked, the most first


@dataclass(frozen=True)
class Broken:
    """A model whose outcomes look like an accident of the evaluation."""

    model: str
    mean: float
    why: str


@dataclass(frozen=True)
class Check:
    """All findings on one source."""

    questions: int
    models: int
    outcomes: int
    gaps: Gaps
    same_models: Sequence[SameModels]
    broken: Sequence[Broken]
    split_leaks: Sequence[Leak]
    same_questions: Sequence[SameQuestions]
    headroom: Headroom


@dataclass(frozen=True)
class Checked:
    """The findings on every source, and on all of them together."""

    sources: Mapping[str, Check]
    source_leaks: Sequence[Leak]


@dataclass(frozen=True)
class _Source:
    matrix: OutcomeMatrix
    questions: pa.Table  # those of the matrix, in its order
    unanswered_M: NDArray[np.float64]  # share of outputs without an answer; NaN: not known


def check(
    folders: Sequence[str], tasks: str = "category", models: Sequence[str] | None = None
) -> Checked:
    """The findings on folders of outcomes (see ``actors.examiner.outcomes``).

    Args:
        folders: hold questions.parquet and outcomes.parquet.
        tasks: column of the questions that names their category.
        models: look at these only, such as those of a zoo; null: at all.

    Raises:
        TableError: a folder lacks a table, a column or a model, or a row breaks a rule.
    """
    sources = {folder: _read(folder, tasks, models) for folder in folders}
    words = {folder: _words(source) for folder, source in sources.items()}
    return Checked(
        sources={folder: _check(source, words[folder]) for folder, source in sources.items()},
        source_leaks=leaks(words) if len(words) > 1 else [],
    )


def _read(folder: str, tasks: str, models: Sequence[str] | None) -> _Source:
    questions = read_table(file_in(folder, "questions.parquet"))
    outcomes = read_table(file_in(folder, "outcomes.parquet"))
    matrix = outcome_matrix(questions, outcomes, tasks, folder)
    if models is not None:
        matrix = matrix.of(models)
    rows = pc.index_in(pa.array(matrix.question_ids), questions["question_id"].cast(pa.string()))
    return _Source(matrix, questions.take(rows), _unanswered(outcomes, matrix.candidates))


def _check(source: _Source, words: Mapping[str, str]) -> Check:
    matrix = source.matrix
    return Check(
        questions=len(matrix),
        models=len(matrix.candidates),
        outcomes=int((~np.isnan(matrix.scores_NM)).sum()),
        gaps=gaps(matrix),
        same_models=same_models(matrix),
        broken=broken(matrix, _options(source.questions), source.unanswered_M),
        split_leaks=leaks(_splits(source.questions, words)),
        same_questions=same_questions(matrix.question_ids, matrix.texts),
        headroom=headroom(matrix),
    )


def gaps(matrix: OutcomeMatrix) -> Gaps:
    """Which models were not asked which questions."""
    missing_NM = np.isnan(matrix.scores_NM)
    of_model = zip(matrix.candidates, missing_NM.sum(axis=0).tolist(), strict=True)
    return Gaps(
        pairs=int(missing_NM.sum()),
        share=float(missing_NM.mean()),
        complete_questions=int((~missing_NM.any(axis=1)).sum()),
        models=dict(sorted(((m, n) for m, n in of_model if n), key=lambda each: -each[1])),
    )


def broken(
    matrix: OutcomeMatrix, options_N: NDArray[np.int64], unanswered_M: NDArray[np.float64]
) -> list[Broken]:
    """Models whose score is constant, that gave no answer too often, or do worse than guessing.

    Args:
        matrix: the outcomes.
        options_N: options of each question; 0 for free answers.
        unanswered_M: share of outputs without an answer; NaN where that is not known.
    """
    found = []
    for column, model in enumerate(matrix.candidates):
        score_N = matrix.scores_NM[:, column]
        asked_N = ~np.isnan(score_N)
        mean = float(score_N[asked_N].mean())
        for why in _why_broken(score_N[asked_N], options_N[asked_N], unanswered_M[column]):
            found.append(Broken(model, mean, why))
    return found


def _why_broken(
    score_N: NDArray[np.float32], options_N: NDArray[np.int64], unanswered: float
) -> list[str]:
    why = []
    if len(score_N) > 1 and score_N.min() == score_N.max():
        why.append(f"every score is {score_N[0]:g}")
    if unanswered >= UNANSWERED:
        why.append(f"no answer could be read in {unanswered:.0%} of its outputs")
    choice_N = options_N > 1
    chance_N = 1 / options_N[choice_N]
    spread = np.sqrt((chance_N * (1 - chance_N)).sum())
    if spread and (score_N[choice_N] - chance_N).sum() / spread < _BELOW_CHANCE:
        right, chance = score_N[choice_N].mean(), chance_N.mean()
        why.append(f"worse than guessing: {right:.1%} where chance is {chance:.1%}")
    return why


def _unanswered(outcomes: pa.Table, models: Sequence[str]) -> NDArray[np.float64]:
    """Share of a model's outputs without an answer, by whichever column says so."""
    names = outcomes.column_names
    if "answered" in names:
        flags = pc.invert(outcomes["answered"].cast(pa.bool_()))
    elif "no_answer" in names:
        flags = outcomes["no_answer"].cast(pa.bool_())
    elif "pred" in names:
        flags = pc.coalesce(pc.equal(outcomes["pred"], ""), True)
    else:
        return np.full(len(models), np.nan)
    table = pa.table({"model": outcomes["model_id"].cast(pa.string()), "flag": flags})
    means = table.group_by("model").aggregate([("flag", "mean")])
    known = dict(zip(means["model"].to_pylist(), means["flag_mean"].to_pylist(), strict=True))
    return np.array([np.nan if known[name] is None else known[name] for name in models], float)


def _options(questions: pa.Table) -> NDArray[np.int64]:
    if "options" not in questions.column_names:
        return np.zeros(questions.num_rows, np.int64)
    counts: NDArray[np.int64] = np.array(
        [len(options or ()) for options in questions["options"].to_pylist()], np.int64
    )
    return counts


def _words(source: _Source) -> dict[str, str]:
    options = (
        source.questions["options"].to_pylist()
        if "options" in source.questions.column_names
        else [None] * len(source.matrix)
    )
    asked = zip(source.matrix.question_ids, source.matrix.prompts, options, strict=True)
    return {id_: question_words(prompt, choices) for id_, prompt, choices in asked}


def _splits(questions: pa.Table, words: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """The words of each split's questions; none where splits are not named."""
    splits: dict[str, dict[str, str]] = {}
    if "split" in questions.column_names:
        ids = questions["question_id"].to_pylist()
        for id_, split in zip(ids, questions["split"].to_pylist(), strict=True):
            if split is not None:
                splits.setdefault(str(split), {})[str(id_)] = words[str(id_)]
    return splits
