import random
from collections import Counter
from typing import Any

import numpy as np
import pytest

from actors.tuner.groups import (
    CandidateGroups,
    Group,
    InstructionGroups,
    Row,
    draw_groups,
    drawn_by_weight,
    groups_of,
    rank_weights,
)
from actors.tuner.samples import Record, read_samples
from cluster.errors import TableError
from cluster.settings import TuningSettings


@pytest.fixture
def train(world: Any) -> list[Record]:
    return read_samples(world.outcomes, world.questions, world.cards, 0.2).train


def positives(group: Group) -> list[Row]:
    return [row for row in group if row.score == 1]


def test_a_candidates_groups_have_one_positive(train: list[Record]) -> None:
    kind = CandidateGroups(train, size=4)
    groups = kind.draw(len(kind), random.Random(0))
    records = {record.card.model_id: record for record in train}
    for group in groups:
        [candidate] = {row.card.model_id for row in group}
        [positive] = positives(group)
        negatives = {row.instruction for row in group if row.score == 0}
        assert positive.instruction in records[candidate].right
        assert len(negatives) == 3
        assert negatives <= set(records[candidate].wrong)
    assert {group.index(positives(group)[0]) for group in groups} == {0, 1, 2, 3}
    # One group for each right outcome, in whatever order.
    drawn = sorted(
        (row.card.model_id, row.instruction) for group in groups for row in positives(group)
    )
    assert drawn == sorted((name, text) for name in records for text in records[name].right)


def test_a_seed_draws_the_same_groups_and_a_count_limits_them(train: list[Record]) -> None:
    kinds = [CandidateGroups(train, size=4)]
    groups = draw_groups(kinds, 10, "0/1/0")
    assert groups == draw_groups(kinds, 10, "0/1/0")
    assert groups != draw_groups(kinds, 10, "0/1/1")
    assert len(groups) == 10
    assert len(draw_groups(kinds, 1000, "0")) == 1000


def test_too_few_negatives_repeat(world: Any) -> None:
    kind = CandidateGroups([Record(world.cards[0], ["right"], ["wrong"])], size=4)
    [group] = kind.draw(1, random.Random(0))
    assert sorted(row.instruction for row in group) == ["right", "wrong", "wrong", "wrong"]


def test_better_candidates_positives_are_drawn_more_often(world: Any) -> None:
    rights = (8, 4, 2)
    records = [
        Record(card, [f"{card.model_id} {n}" for n in range(right)], ["w"] * (10 - right))
        for card, right in zip(world.cards, rights, strict=True)
    ]
    assert rank_weights(records, 3.0).tolist() == [4.0, 2.5, 1.0]
    groups = CandidateGroups(records, size=2, rank_weight=3.0).draw(4400, random.Random(0))
    drawn = Counter(group[0].card.model_id for group in groups)
    assert [drawn[f"m{n}"] for n in range(3)] == [3200, 1000, 200]
    each = Counter(positives(group)[0].instruction for group in groups)
    assert set(each.values()) == {400, 250, 100}


def test_equally_good_candidates_weigh_the_same_wherever_they_stand(world: Any) -> None:
    records = [Record(card, ["r"], ["w"]) for card in world.cards]
    assert rank_weights(records, 2.0).tolist() == [2.0, 2.0, 2.0]
    assert rank_weights(records[:1], 2.0).tolist() == [1.0]


def test_draws_are_rounded_shares_of_the_weights() -> None:
    for seed in range(50):
        places = drawn_by_weight(np.array([1.0, 2.5, 0.5]), 8, random.Random(seed))
        found = Counter(places)
        assert [found[place] for place in range(3)] in ([2, 5, 1],)
        alike = drawn_by_weight(np.ones(30), 30, random.Random(seed))
        assert sorted(alike) == list(range(30))
        assert len(set(drawn_by_weight(np.ones(30), 7, random.Random(seed)))) == 7


def test_an_instructions_groups_are_its_outcomes(train: list[Record]) -> None:
    outcomes = {
        (record.card.model_id, text, score)
        for record in train
        for score, texts in ((1.0, record.right), (0.0, record.wrong))
        for text in texts
    }
    kind = InstructionGroups(train, None, contested=False)
    groups = kind.draw(len(kind), random.Random(0))
    rows = [(row.card.model_id, row.instruction, row.score) for group in groups for row in group]
    assert set(rows) == outcomes
    assert len(rows) == len(outcomes)
    for group in groups:
        assert len({row.instruction for row in group}) == 1


def test_contested_groups_have_both_kinds_however_few_candidates(train: list[Record]) -> None:
    kind = InstructionGroups(train, 2, contested=True)
    for group in kind.draw(100, random.Random(0)):
        assert sorted(row.score for row in group) == [0.0, 1.0]
    assert len(kind) < len(InstructionGroups(train, 2, contested=False))


@pytest.mark.parametrize(
    ("loss", "of_one_candidate", "of_one_instruction"),
    [
        ("paper", 20, 0),
        ("ranking", 0, 20),
        ("both", 10, 10),
        ("likelihood", 0, 20),
        ("anchored", 0, 20),
    ],
)
def test_which_groups_a_loss_gets(
    train: list[Record], loss: Any, of_one_candidate: int, of_one_instruction: int
) -> None:
    groups = draw_groups(groups_of(train, TuningSettings(loss=loss)), 20, "0")
    candidates = [group for group in groups if len({row.card.model_id for row in group}) == 1]
    assert len(candidates) == of_one_candidate
    assert len(groups) - len(candidates) == of_one_instruction


def test_ranking_without_a_contest_is_an_error(world: Any) -> None:
    alike = [Record(card, ["easy"], ["hard"]) for card in world.cards]
    with pytest.raises(TableError, match=r"no instruction.*'tuning.loss' with 'both'"):
        groups_of(alike, TuningSettings(loss="both"))
    assert groups_of(alike, TuningSettings(loss="likelihood"))
