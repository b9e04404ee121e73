"""Samples for tuning: what each candidate got right and wrong, from outcomes and questions.

Owns which questions are trained on and which are held out. What is compared with what begins in
``groups``, tokens and tensors in ``steps``.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from actors.examiner.card import CapabilityCard
from actors.examiner.outcomes import OutcomeMatrix, outcome_matrix, split_position
from actors.examiner.questions import question_text
from actors.tuner.refinement import BY_DEFAULT, refined
from cluster.errors import TableError
from cluster.settings import RefinementSettings
from cluster.tables import RIGHT, check_outcomes

logger = logging.getLogger(__name__)


class Record(NamedTuple):
    """The instructions that a candidate got right and wrong, each with the candidate's card."""

    card: CapabilityCard
    right: list[str]
    wrong: list[str]


class Samples(NamedTuple):
    """Records of the questions to train on, and of those held out."""

    train: list[Record]
    held_out: list[Record]


def read_samples(
    outcomes: pa.Table,
    questions: pa.Table,
    cards: Iterable[CapabilityCard],
    held_out: float,
    refinement: RefinementSettings = BY_DEFAULT,
) -> Samples:
    """Joins OUTCOMES with QUESTIONS and cards, and holds out a share of the questions.

    What is trained on is refined; what is held out is measured as it is. Outcomes that failed
    (``error``) are none.

    Raises:
        TableError: as ``check_outcomes``; or a candidate of ``outcomes`` has no card, an outcome
            names no question of ``questions``, or no candidate has both right and wrong outcomes
            to train on.
    """
    outcomes = check_outcomes(outcomes, "outcomes")
    outcomes = outcomes.filter(pc.is_null(outcomes["error"]))
    by_id = {card.model_id: card for card in cards}
    check_cards(outcomes["model_id"].to_pylist(), by_id)
    sides = _texts(questions, held_out)
    train: dict[str, Record] = {}
    kept: dict[str, Record] = {}
    for side, records, rows in (
        (False, train, refined(outcomes, refinement)),
        (True, kept, outcomes),
    ):
        records.update({name: Record(card, [], []) for name, card in sorted(by_id.items())})
        _fill(records, rows, sides, side)
    measured = [record for record in kept.values() if record.right or record.wrong]
    return Samples(teaching([*train.values()]), measured)


def train_matrix(
    outcomes: pa.Table,
    questions: pa.Table,
    held_out: float,
    refinement: RefinementSettings = BY_DEFAULT,
) -> OutcomeMatrix:
    """The outcomes that ``read_samples`` gives to train on, of all candidates, as a matrix.

    Raises:
        TableError: as ``outcome_matrix``.
    """
    believed = refined(check_outcomes(outcomes, "outcomes"), refinement)
    # Without its circle test, for a matrix says of those that failed that they are wrong.
    matrix = outcome_matrix(questions, believed.drop_columns(["circle"]))
    positions_N = np.array([split_position(prompt) for prompt in matrix.prompts])
    return matrix.questions(np.flatnonzero(positions_N >= held_out))


def check_cards(candidates: Iterable[str], cards: Mapping[str, CapabilityCard]) -> None:
    """Raises TableError if a candidate of outcomes has no card among ``cards``, by its id."""
    lacking = sorted(set(candidates) - cards.keys())
    if lacking:
        raise TableError(
            f"outcomes: candidate '{lacking[0]}' has no capability card; "
            f"cards: {', '.join(sorted(cards)) or 'none'}"
        )


def _texts(questions: pa.Table, held_out: float) -> dict[str, tuple[str, bool]]:
    """Of each question id: the question's text, and whether it is held out."""
    columns = (questions[name].to_pylist() for name in ("question_id", "prompt", "options"))
    return {
        name: (question_text(prompt, options), split_position(prompt) < held_out)
        for name, prompt, options in zip(*columns, strict=True)
    }


def _fill(
    records: dict[str, Record],
    outcomes: pa.Table,
    texts: dict[str, tuple[str, bool]],
    side: bool,
) -> None:
    columns = (outcomes[name].to_pylist() for name in ("model_id", "question_id", "score"))
    for model_id, question_id, score in zip(*columns, strict=True):
        if question_id not in texts:
            raise TableError(
                f"outcomes: question '{question_id}' of candidate '{model_id}' is unknown"
            )
        text, kept = texts[question_id]
        if kept == side:
            record = records[model_id]
            (record.right if score >= RIGHT else record.wrong).append(text)


def teaching(records: Sequence[Record]) -> list[Record]:
    """The records that MODEL-SAT can learn from: those with both right and wrong outcomes.

    Raises:
        TableError: there is none.
    """
    found = [record for record in records if record.right and record.wrong]
    if not found:
        names = ", ".join(record.card.model_id for record in records)
        raise TableError(
            "outcomes: no candidate has both a right (score >= 0.5) and a wrong outcome to train "
            f"on; candidates: {names}"
        )
    for card, right, wrong in records:
        if not (right and wrong):
            logger.warning(
                "candidate '%s' is left out of tuning: %d right and %d wrong outcomes",
                card.model_id,
                len(right),
                len(wrong),
            )
    return found
