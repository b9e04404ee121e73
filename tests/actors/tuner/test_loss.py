import math

import torch

from actors.tuner.loss import group_loss


def test_equation_5_by_hand() -> None:
    log_odds_GK = torch.tensor([[2.0, -1.0, 0.5], [0.0, 0.0, 0.0]])
    positive_G = torch.tensor([2, 1])
    first = -math.log(math.exp(0.5) / (math.exp(2.0) + math.exp(-1.0) + math.exp(0.5)))
    expected = torch.tensor((first + math.log(3)) / 2)
    torch.testing.assert_close(group_loss(log_odds_GK, positive_G), expected)


def test_the_loss_pulls_the_positive_up_and_the_others_down() -> None:
    log_odds_GK = torch.zeros(1, 4, requires_grad=True)
    torch.autograd.backward(group_loss(log_odds_GK, torch.tensor([2])))
    assert log_odds_GK.grad is not None
    torch.testing.assert_close(log_odds_GK.grad, torch.tensor([[0.25, 0.25, -0.75, 0.25]]))
