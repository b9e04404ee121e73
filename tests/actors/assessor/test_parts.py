"""Sources, parts of the questions, and the aptitude test."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from actors.assessor.parts import aptitude_test, parts, read_source
from actors.assessor.plan import TRAIN, Exam, Source, Split
from actors.examiner.outcomes import OutcomeMatrix
from cluster.errors import TableError

WriteSource = Callable[..., Path]
SPLIT = Split(train=0.6, validation=0.2, test=0.2)


def test_a_source_leaves_candidates_out(write_source: WriteSource) -> None:
    source = Source(folder=str(write_source()), leave_out=["weak", "strong"])
    assert read_source(source).candidates == ["adder", "allround", "lawyer", "linguist"]


def test_a_source_with_both_outcomes_takes_the_one_that_is_asked_for(
    write_source: WriteSource,
) -> None:
    both = pa.table(
        {"model_id": ["a", "b"], "question_id": ["q0", "q0"], "correct": [1, 0], "score": [0.3, 0]}
    )
    folder = str(write_source(outcomes=both))
    scores = {
        outcome: read_source(Source(folder=folder, outcome=outcome)).scores_NM.tolist()
        for outcome in ("correct", "score")
    }
    assert scores["correct"] == [[1.0, 0.0]]
    assert scores["score"] == [[pytest.approx(0.3), 0.0]]


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"tasks": "src"}, "no column 'src' to take tasks from; found: question_id, dataset"),
        ({"outcome": "score"}, "no column 'score'; found: model_id, question_id, correct"),
        ({"leave_out": ["nobody"]}, "no candidate 'nobody'; there are: adder"),
    ],
)
def test_what_a_source_lacks_is_named(
    write_source: WriteSource, keys: dict[str, object], message: str
) -> None:
    source = Source.model_validate({"folder": str(write_source()), **keys})
    with pytest.raises(TableError, match=message):
        read_source(source)


def test_parts_hold_each_question_once_and_hang_on_its_words(matrix: OutcomeMatrix) -> None:
    rows = parts(matrix, SPLIT, 0, "one")
    assert sorted(np.concatenate(list(rows.values()))) == list(range(len(matrix)))
    assert abs(len(rows[TRAIN]) / len(matrix) - 0.6) < 0.1
    # Another source with the same questions, written otherwise and in another order.
    other = matrix.questions(list(reversed(range(len(matrix)))))
    other = replace(other, prompts=[f"  {prompt.upper()} " for prompt in other.prompts])
    assert set(other.questions(parts(other, SPLIT, 0, "two")[TRAIN]).question_ids) == set(
        matrix.questions(rows[TRAIN]).question_ids
    )


def test_seeds_split_otherwise(matrix: OutcomeMatrix) -> None:
    assert list(parts(matrix, SPLIT, 0, "one")[TRAIN]) != list(parts(matrix, SPLIT, 1, "")[TRAIN])


def test_an_empty_part_is_named(matrix: OutcomeMatrix) -> None:
    with pytest.raises(TableError, match=r"one: the \w+ part is empty \(seed 0, 1 questions\)"):
        parts(matrix.questions([0]), SPLIT, 0, "one")


def test_an_aptitude_test_takes_shots_of_each_task(matrix: OutcomeMatrix) -> None:
    test = aptitude_test(matrix, ["adder", "weak"], Exam(tasks=3, shots=8), 0, "one")
    assert test.candidates == ["adder", "weak"]
    assert len(set(test.tasks)) == 3
    assert all(test.tasks.count(task) == 8 for task in set(test.tasks))
    again = aptitude_test(matrix, ["strong"], Exam(tasks=3, shots=8), 0, "one")
    assert again.question_ids == test.question_ids


def test_an_aptitude_test_asks_what_all_were_asked(matrix: OutcomeMatrix) -> None:
    scores_NM = matrix.scores_NM.copy()
    tasks = np.array(matrix.tasks)
    scores_NM[tasks == "sums", 0] = np.nan
    scores_NM[np.flatnonzero(tasks == "roots")[:20], 0] = np.nan
    gaps = replace(matrix, scores_NM=scores_NM)
    exam = Exam(tasks=4, shots=25)
    test = aptitude_test(gaps, matrix.candidates, exam, 0, "one")
    assert set(test.tasks) == {"roots", "torts", "verbs"}
    assert not np.isnan(test.scores_NM).any()
    assert set(aptitude_test(gaps, matrix.candidates[1:], exam, 0, "one").tasks) == set(tasks)
    with pytest.raises(TableError, match=r"one: no task has 51 questions .* all 1 candidates"):
        aptitude_test(gaps, ["weak"], Exam(shots=51), 0, "one")


def test_where_tasks_are_few_large_ones_are_asked_more(matrix: OutcomeMatrix) -> None:
    tasks = np.array(matrix.tasks)
    kept = [*np.flatnonzero(tasks == "sums"), *np.flatnonzero(tasks == "verbs")[:30]]
    few = matrix.questions(kept)  # 50 and 30
    counts = [
        Counter(aptitude_test(few, few.candidates, Exam(tasks=n, shots=10), 0, "one").tasks)
        for n in (2, 3, 5, 6, 50)
    ]
    # Seats by 50, 30: 1 each, then 50/2, 50/3 before 30/2, then 30/2 and so on until none are left.
    assert counts == [
        {"sums": 10, "verbs": 10},
        {"sums": 20, "verbs": 10},
        {"sums": 30, "verbs": 20},
        {"sums": 40, "verbs": 20},
        {"sums": 50, "verbs": 30},
    ]
    one = aptitude_test(few, few.candidates, Exam(tasks=3, shots=10), 0, "one").question_ids
    more = aptitude_test(few, few.candidates, Exam(tasks=6, shots=10), 0, "one").question_ids
    assert set(one) < set(more)


def test_a_distinguishing_test_asks_what_told_the_known_apart(matrix: OutcomeMatrix) -> None:
    exam = Exam(tasks=4, shots=15, sampling="distinguishing")
    known = ["adder", "lawyer", "linguist"]
    test = aptitude_test(matrix, matrix.candidates, exam, 0, "one", known)
    means_N = test.of(known).scores_NM.mean(axis=1)
    assert means_N.min() > 0
    assert means_N.max() < 1
    uniform = aptitude_test(matrix, matrix.candidates, Exam(tasks=4, shots=15), 0, "one")
    assert uniform.of(known).scores_NM.mean(axis=1).min() == 0
    # Whoever else sits the test has no say in it.
    alone = aptitude_test(matrix, ["weak", *known], exam, 0, "one", known)
    assert alone.question_ids == test.question_ids
    with pytest.raises(TableError, match=r"no task has 15 questions .* told the known ones apart"):
        aptitude_test(matrix, known, exam, 0, "one", ["adder"])
