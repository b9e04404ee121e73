"""Coverage on outcomes that can be counted by hand."""

from dataclasses import replace

import numpy as np
import pytest

from actors.assessor.coverage import Covered, coverage
from actors.examiner.outcomes import OutcomeMatrix
from cluster.errors import TableError

# Rows are questions; the reference gets the first four right.
RIGHT_NM = np.array([[1, 1, 0], [1, 0, 1], [1, 0, 0], [1, 1, 1], [0, 1, 0], [0, 0, 0]], np.float32)


@pytest.fixture
def small(matrix: OutcomeMatrix) -> OutcomeMatrix:
    return replace(matrix.questions(range(6)), candidates=["big", "one", "two"], scores_NM=RIGHT_NM)


def test_a_union_grows_with_each_candidate(small: OutcomeMatrix) -> None:
    assert coverage(small, ["one", "two"], "big") == [
        Covered("one", accuracy=3 / 6, union=3 / 6, of_right=2 / 4, of_wrong=1 / 2),
        Covered("two", accuracy=2 / 6, union=4 / 6, of_right=3 / 4, of_wrong=1 / 2),
    ]


def test_a_reference_must_be_right_and_wrong(small: OutcomeMatrix) -> None:
    with pytest.raises(TableError, match=r"'big': .* it has 4 right of 4"):
        coverage(small.questions(range(4)), ["one"], "big")
