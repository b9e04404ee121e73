import torch
from torch import nn

from actors.selector.int8 import Int8Linear, in_int8


def test_integers_come_close() -> None:
    torch.manual_seed(0)
    linear, states = nn.Linear(64, 32), torch.randn(3, 5, 64)
    exact, found = linear(states), Int8Linear(linear)(states)
    assert found.shape == (3, 5, 32)
    assert 0 < (found - exact).norm() / exact.norm() < 0.02


def test_a_text_does_not_hang_on_those_beside_it() -> None:
    torch.manual_seed(0)
    layer, states = Int8Linear(nn.Linear(16, 8, bias=False)), torch.randn(4, 16)
    states[0] *= 1000  # an outlier would spoil one scale for all
    torch.testing.assert_close(layer(states)[1:], layer(states[1:]), rtol=0, atol=0)


def test_zeros_stay_zeros() -> None:
    layer = Int8Linear(nn.Linear(4, 2, bias=False))
    assert layer(torch.zeros(3, 4)).tolist() == [[0, 0]] * 3


def test_all_linear_layers_of_a_model_are_put_into_integers() -> None:
    model = in_int8(nn.Sequential(nn.Linear(4, 4), nn.Sequential(nn.ReLU(), nn.Linear(4, 2))))
    assert [type(part).__name__ for part in model.modules()].count("Int8Linear") == 2
    assert not [part for part in model.modules() if isinstance(part, nn.Linear)]
