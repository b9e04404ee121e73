import numpy as np

from actors.selector.item_response import within_bounds


def test_scores_stay_within_bounds_and_in_order() -> None:
    linear_N = np.linspace(-0.4, 1.4, 181)
    found_N = within_bounds(linear_N)
    assert ((found_N > 0) & (found_N < 1)).all()
    assert (np.diff(found_N.astype(np.float32)) > 0).all()  # nobody is tied with anybody
    inside_N = (linear_N > 0.05) & (linear_N < 0.95)
    np.testing.assert_allclose(found_N[inside_N], linear_N[inside_N])
    np.testing.assert_allclose(found_N + found_N[::-1], 1, atol=1e-12)
