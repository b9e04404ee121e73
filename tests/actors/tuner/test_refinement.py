from typing import Any

import pyarrow as pa
import pytest

from actors.tuner.learner import records
from actors.tuner.refinement import refined
from actors.tuner.samples import read_samples, train_matrix
from cluster.settings import RefinementSettings
from cluster.tables import OUTCOMES, from_rows

# Of ten candidates one or two are right in the hard question, which was tested, and five in the
# other.
CIRCLES = {"m0": True, "m1": False, "m2": None}


def outcomes(right_in_hard: list[str]) -> pa.Table:
    rows = [
        {"model_id": f"m{n}", "question_id": question}
        | {"circle": CIRCLES.get(f"m{n}") if question == "hard" else None}
        | {"score": float(f"m{n}" in right_in_hard if question == "hard" else n < 5)}
        for question in ("hard", "easy")
        for n in range(10)
    ]
    return from_rows(rows, OUTCOMES)


@pytest.mark.parametrize(
    ("settings", "right_in_hard", "left_out"),
    [
        ({}, ["m0"], []),
        ({}, ["m1"], ["m1"]),
        ({}, ["m2"], []),
        ({"untested": "drop"}, ["m2"], ["m2"]),
        ({"untested": "drop"}, ["m0"], []),
        ({}, ["m1", "m2"], ["m1"]),  # a fifth of them are right: just hard
        ({"hard_share": 0.19}, ["m1", "m2"], ["m1"]),  # not hard, but it was tested
        ({"hard_share": 0.19, "untested": "drop"}, ["m1", "m2"], ["m1"]),
        ({"hard_share": 0.0, "untested": "drop"}, ["m1"], []),
    ],
)
def test_which_right_outcomes_are_believed(
    settings: dict[str, Any], right_in_hard: list[str], left_out: list[str]
) -> None:
    before = outcomes(right_in_hard).to_pylist()
    after = refined(outcomes(right_in_hard), RefinementSettings(**settings)).to_pylist()
    assert after == [
        row for row in before if not (row["question_id"] == "hard" and row["model_id"] in left_out)
    ]


@pytest.mark.parametrize("hard_share", [0.0, 0.2])
def test_both_selectors_are_taught_the_same(world: Any, hard_share: float) -> None:
    """One out of three right outcomes fell in its circle test, in hard questions and in others."""
    rows = world.outcomes.to_pylist()
    for number, row in enumerate(rows):
        row["circle"] = number % 3 > 0 if row["score"] == 1.0 else None
    table, strict = from_rows(rows, OUTCOMES), RefinementSettings(hard_share=hard_share)
    of_one = read_samples(table, world.questions, world.cards, 0.3, strict).train
    matrix = train_matrix(table, world.questions, 0.3, strict)
    of_other = records(matrix, world.cards)
    assert len(of_one) == len(of_other) == 3
    for one, other in zip(of_one, of_other, strict=True):
        assert one.card == other.card
        assert sorted(one.right) == sorted(other.right)
        assert sorted(one.wrong) == sorted(other.wrong)
    plain = read_samples(world.outcomes, world.questions, world.cards, 0.3).train
    assert (of_one == plain) == (hard_share == 0)


def test_held_out_outcomes_are_not_refined(world: Any) -> None:
    strict = RefinementSettings(hard_share=0.99, untested="drop")  # nearly all are hard
    plain = read_samples(world.outcomes, world.questions, world.cards, 0.3)
    strictly = read_samples(world.outcomes, world.questions, world.cards, 0.3, strict)
    assert strictly.held_out == plain.held_out
    for one, other in zip(strictly.train, plain.train, strict=True):
        assert len(one.right) < len(other.right)
        assert one.wrong == other.wrong
