import logging
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from actors.examiner.outcomes import split_position
from actors.tuner.samples import Record, read_samples
from cluster.errors import TableError
from cluster.tables import OUTCOMES, QUESTIONS, from_rows


def texts(records: list[Record]) -> set[str]:
    return {text for record in records for text in [*record.right, *record.wrong]}


def test_no_question_is_on_both_sides(world: Any) -> None:
    samples = read_samples(world.outcomes, world.questions, world.cards, held_out=0.3)
    train, held_out = texts(samples.train), texts(samples.held_out)
    assert train
    assert held_out
    assert not train & held_out
    assert train | held_out == set(world.questions["prompt"].to_pylist())


def test_the_split_hangs_on_the_words_of_the_prompt_only() -> None:
    prompts = [f"Question {index}?" for index in range(2000)]
    assert 0.17 < sum(split_position(prompt) < 0.2 for prompt in prompts) / 2000 < 0.23
    for prompt in prompts[:50]:
        assert split_position(f"  {prompt.upper()}\n") == split_position(prompt)


def test_one_prompt_with_turned_options_stays_on_one_side(world: Any) -> None:
    rows = [
        {"question_id": f"{index}-{turn}", "prompt": f"Question {index}?", "answer": "A"}
        | {"dataset": "toy", "category": "toy", "options": options}
        for index in range(40)
        for turn, options in enumerate((["x", "y"], ["y", "x"]))
    ]
    outcomes = [
        {"model_id": "m0", "question_id": row["question_id"], "score": float(index % 3 == 0)}
        for index, row in enumerate(rows)
    ]
    samples = read_samples(
        from_rows(outcomes, OUTCOMES), from_rows(rows, QUESTIONS), world.cards, 0.3
    )
    train = {text.partition("\n")[0] for text in texts(samples.train)}
    assert not train & {text.partition("\n")[0] for text in texts(samples.held_out)}
    assert "Question 0?\nA. x\nB. y" in texts(samples.train) | texts(samples.held_out)


def test_a_candidate_without_a_card_is_an_error(world: Any) -> None:
    with pytest.raises(TableError, match="candidate 'm2' has no capability card; cards: m0, m1"):
        read_samples(world.outcomes, world.questions, world.cards[:2], 0.2)


def test_an_unknown_question_is_an_error(world: Any) -> None:
    with pytest.raises(TableError, match="question 'geography-0' of candidate 'm0' is unknown"):
        read_samples(world.outcomes, world.questions.slice(1), world.cards, 0.2)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"score": 7.0}, r"'score' must lie in \[0, 1\]; rows \[144\] hold \[7\.0\]"),
        ({"score": -3.0}, r"'score' must lie in \[0, 1\]; rows \[144\] hold \[-3\.0\]"),
        ({"question_id": "history-0"}, r"may stand in one row only; .*'m0', 'history-0'"),
    ],
)
def test_outcomes_that_break_the_rules_are_refused(
    world: Any, more: dict[str, Any], message: str
) -> None:
    row = {"model_id": "m0", "question_id": "another", "score": 1.0} | more
    outcomes = pa.concat_tables([world.outcomes, from_rows([row], OUTCOMES)])
    with pytest.raises(TableError, match=message):
        read_samples(outcomes, world.questions, world.cards, 0.2)


def test_outcomes_that_failed_are_none(world: Any) -> None:
    rows = [
        row | ({"score": 0.0, "error": "timeout"} if number % 5 == 0 else {})
        for number, row in enumerate(world.outcomes.to_pylist())
    ]
    answered = [row for row in rows if not row["error"]]
    with_failed, without = (
        read_samples(from_rows(each, OUTCOMES), world.questions, world.cards, 0.2)
        for each in (rows, answered)
    )
    assert with_failed == without


def test_a_candidate_that_is_always_right_is_skipped(
    world: Any, caplog: pytest.LogCaptureFixture
) -> None:
    perfect = pc.equal(world.outcomes["model_id"], "m1")
    scores = pc.if_else(perfect, 1.0, world.outcomes["score"])
    outcomes = world.outcomes.set_column(2, OUTCOMES.field("score"), scores)
    with caplog.at_level(logging.WARNING):
        samples = read_samples(outcomes, world.questions, world.cards, 0.2)
    assert [record.card.model_id for record in samples.train] == ["m0", "m2"]
    assert "candidate 'm1' is left out of tuning" in caplog.text


def test_outcomes_that_teach_nothing_are_an_error(world: Any) -> None:
    all_right = world.outcomes.set_column(
        2, OUTCOMES.field("score"), pa.array([1.0] * world.outcomes.num_rows)
    )
    with pytest.raises(TableError, match="no candidate has both"):
        read_samples(all_right, world.questions, world.cards, 0.2)
