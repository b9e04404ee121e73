"""Samples for tuning: outcomes of candidates made into groups of instructions (paper: eq. 5).

Owns which questions are trained on and which are held out, and the drawing of homogeneous groups:
one instruction that a candidate did well and k-1 that it did poorly, all with that candidate's
card. One group is drawn for each right outcome, so stronger candidates weigh more (paper: Data
Refinement). Tokens and tensors begin in ``steps``.
"""

import logging
import random
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import pyarrow as pa

from actors.examiner.card import CapabilityCard
from actors.examiner.outcomes import split_position
from actors.examiner.questions import question_text
from cluster.errors import TableError

logger = logging.getLogger(__name__)

RIGHT = 0.5  # an outcome with this score or more is a positive


class Record(NamedTuple):
    """The instructions that a candidate got right and wrong, each with the candidate's card."""

    card: CapabilityCard
    right: list[str]
    wrong: list[str]


class Group(NamedTuple):
    """k instructions under one card, of which the one at ``positive`` was done well."""

    card: CapabilityCard
    instructions: list[str]
    positive: int


class Samples(NamedTuple):
    """Records of the questions to train on, and of those held out."""

    train: list[Record]
    held_out: list[Record]


def read_samples(
    outcomes: pa.Table, questions: pa.Table, cards: Iterable[CapabilityCard], held_out: float
) -> Samples:
    """Joins OUTCOMES with QUESTIONS and cards, and holds out a share of the questions.

    Raises:
        TableError: a candidate of the outcomes has no card, an outcome names no question of
            ``questions``, or no candidate has both right and wrong outcomes to train on.
    """
    by_id = {card.model_id: card for card in cards}
    _check_cards(outcomes, by_id)
    sides = _texts(questions, held_out)
    train: dict[str, Record] = {}
    kept: dict[str, Record] = {}
    for side, records in ((False, train), (True, kept)):
        records.update({name: Record(card, [], []) for name, card in sorted(by_id.items())})
        _fill(records, outcomes, sides, side)
    samples = Samples(_useful(train), [record for record in kept.values() if any(record[1:])])
    if not samples.train:
        raise TableError(
            "outcomes: no candidate has both a right (score >= 0.5) and a wrong outcome to train "
            f"on; candidates: {', '.join(train)}"
        )
    return samples


def draw_groups(
    records: Sequence[Record], group_size: int, count: int | None, seed: str
) -> list[Group]:
    """Groups of an epoch, in the order they are trained in; the same seed draws the same ones.

    Args:
        records: each with at least one right and one wrong instruction.
        group_size: k of eq. 5; negatives repeat where a candidate has fewer than k-1.
        count: how many; None: one for each right outcome. More than those go round again.
        seed: names the epoch.
    """
    draw = random.Random(seed)
    positives = [(record, text) for record in records for text in record.right]
    chosen: list[tuple[Record, str]] = []
    while len(chosen) < (count or len(positives)):
        chosen += draw.sample(positives, len(positives))
    return [_group(record, text, group_size, draw) for record, text in chosen[:count]]


def _group(record: Record, positive: str, size: int, draw: random.Random) -> Group:
    enough = len(record.wrong) >= size - 1
    negatives = (draw.sample if enough else draw.choices)(record.wrong, k=size - 1)
    place = draw.randrange(size)
    return Group(record.card, [*negatives[:place], positive, *negatives[place:]], place)


def _check_cards(outcomes: pa.Table, cards: dict[str, CapabilityCard]) -> None:
    lacking = sorted(set(outcomes["model_id"].to_pylist()) - cards.keys())
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


def _useful(records: dict[str, Record]) -> list[Record]:
    for name, record in records.items():
        if not (record.right and record.wrong):
            logger.warning(
                "candidate '%s' is left out of tuning: %d right and %d wrong outcomes",
                name,
                len(record.right),
                len(record.wrong),
            )
    return [record for record in records.values() if record.right and record.wrong]
