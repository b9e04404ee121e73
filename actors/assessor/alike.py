"""What is there twice: models with the same outcomes, questions with the same words.

Models are compared by the correlation of their scores over the questions both were asked.
Questions are one if their prompt and options have the same words, the options in any order; they
are nearly one by the cosine of their TF-IDF vectors. Words that stand in very many questions are
left out of these: they tell nothing apart, and all the time would go into them.

Shapes: N questions, M models, V words.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

from actors.examiner.outcomes import OutcomeMatrix, normal_words

MODELS_ALIKE = 0.95  # correlation from which two models are called one
QUESTIONS_ALIKE = 0.95  # cosine from which two questions are called nearly one
_TOGETHER = 50  # questions two models must share before they are compared
_ROUNDING = 1e-12  # spread of scores that are constant, as a share of their squares
_COMMON = 300  # words of more questions than this do not count
_ROWS = 512  # questions compared with all others at a time


@dataclass(frozen=True)
class SameModels:
    """Two models whose outcomes are alike."""

    first: str
    second: str
    correlation: float
    questions: int  # that both were asked


@dataclass(frozen=True)
class Leak:
    """A question that stands in several parts: splits of a source, or sources."""

    parts: Sequence[str]
    questions: Sequence[str]  # ids


@dataclass(frozen=True)
class SameQuestions:
    """Two questions with nearly the same words."""

    first: str
    second: str
    similarity: float


def same_models(matrix: OutcomeMatrix, alike: float = MODELS_ALIKE) -> list[SameModels]:
    """Pairs of models whose scores correlate at least so much, the most alike first.

    A model whose score is constant correlates with nobody.
    """
    scores_NM = matrix.scores_NM.astype(np.float64)
    asked_NM = (~np.isnan(scores_NM)).astype(np.float64)
    known_NM = np.nan_to_num(scores_NM)
    count_MM = asked_NM.T @ asked_NM
    sum_MM = known_NM.T @ asked_NM
    square_MM = (known_NM**2).T @ asked_NM
    with np.errstate(invalid="ignore", divide="ignore"):
        covered_MM = known_NM.T @ known_NM - sum_MM * sum_MM.T / count_MM
        spread_MM = square_MM - sum_MM**2 / count_MM
        spread_MM[spread_MM <= _ROUNDING * square_MM] = np.nan
        correlation_MM = covered_MM / np.sqrt(spread_MM * spread_MM.T)
    found_MM = (correlation_MM >= alike) & (count_MM >= _TOGETHER)
    pairs = [
        SameModels(
            matrix.candidates[first],
            matrix.candidates[second],
            min(1.0, float(correlation_MM[first, second])),
            int(count_MM[first, second]),
        )
        for first, second in np.argwhere(np.triu(found_MM, 1))
    ]
    return sorted(pairs, key=lambda pair: -pair.correlation)


def question_words(prompt: str, options: Sequence[str] | None) -> str:
    """The words of a question: its options in any order make it the same question."""
    return "\n".join([normal_words(prompt), *sorted(map(normal_words, options or ()))])


def leaks(parts: Mapping[str, Mapping[str, str]]) -> list[Leak]:
    """Questions that stand in several parts.

    Args:
        parts: of each part, the words of every question by its id.
    """
    places: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for part, questions in parts.items():
        for id_, words in questions.items():
            places[words][part].append(id_)
    return [
        Leak(sorted(found), [id_ for part in sorted(found) for id_ in found[part]])
        for found in places.values()
        if len(found) > 1
    ]


def same_questions(
    ids: Sequence[str], texts: Sequence[str], alike: float = QUESTIONS_ALIKE
) -> list[SameQuestions]:
    """Pairs of questions whose words are nearly the same, the most alike first."""
    found = [
        SameQuestions(ids[first], ids[second], min(1.0, float(similarity)))
        for first, second, similarity in _close(texts, alike)
    ]
    return sorted(found, key=lambda pair: -pair.similarity)


def _close(texts: Sequence[str], alike: float) -> Iterator[tuple[int, int, float]]:
    vectorizer = TfidfVectorizer(
        token_pattern=r"\w+", max_df=min(_COMMON, len(texts)), sublinear_tf=True, dtype=np.float32
    )
    try:
        vectors_NV = vectorizer.fit_transform(texts)
    except ValueError:  # no word is left
        return
    for start in range(0, len(texts), _ROWS):
        close = (vectors_NV[start : start + _ROWS] @ vectors_NV[start:].T).tocoo()
        picked = (close.data >= alike) & (close.col > close.row)
        firsts, seconds = start + close.row[picked], start + close.col[picked]
        yield from zip(firsts, seconds, close.data[picked], strict=True)
