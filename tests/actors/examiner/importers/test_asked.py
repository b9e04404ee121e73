import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from actors.examiner.importers.asked import Asked

PAIRS = st.lists(st.tuples(st.integers(0, 300), st.integers(0, 20_000)))


@given(batches=st.lists(PAIRS, max_size=4))
def test_a_pair_is_new_once(batches: list[list[tuple[int, int]]]) -> None:
    asked, known = Asked(), set()
    for pairs in batches:
        models, questions = np.array(pairs, np.int64).reshape(-1, 2).T
        expected = []
        for pair in pairs:
            expected.append(pair not in known)
            known.add(pair)
        assert asked.first_time(models, questions).tolist() == expected
