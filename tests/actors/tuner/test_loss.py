import math

import pytest
import torch

from actors.tuner.loss import contrast, likelihood, loss_of

NAN = math.nan


def softmax_loss(*log_odds: float) -> float:
    """-log softmax of the first."""
    return -math.log(math.exp(log_odds[0]) / sum(map(math.exp, log_odds)))


def test_equation_5_by_hand() -> None:
    log_odds_GK = torch.tensor([[2.0, -1.0, 0.5], [0.0, 0.0, 0.0]])
    scores_GK = torch.tensor([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0]])
    expected = (softmax_loss(0.5, 2.0, -1.0) + math.log(3)) / 2
    assert contrast(log_odds_GK, scores_GK).item() == pytest.approx(expected)


def test_the_loss_pulls_the_positive_up_and_the_others_down() -> None:
    log_odds_GK = torch.zeros(1, 4, requires_grad=True)
    torch.autograd.backward(contrast(log_odds_GK, torch.tensor([[0.0, 0.0, 1.0, 0.0]])))
    assert log_odds_GK.grad is not None
    torch.testing.assert_close(log_odds_GK.grad, torch.tensor([[0.25, 0.25, -0.75, 0.25]]))


def test_several_right_rows_are_each_set_against_the_wrong_ones() -> None:
    log_odds_GK = torch.tensor([[2.0, 1.0, 0.0, 3.0]])
    scores_GK = torch.tensor([[1.0, 0.0, 0.0, 1.0]])
    expected = (softmax_loss(2.0, 1.0, 0.0) + softmax_loss(3.0, 1.0, 0.0)) / 2
    assert contrast(log_odds_GK, scores_GK).item() == pytest.approx(expected)


def test_filled_up_places_and_groups_without_a_contrast_do_not_count() -> None:
    log_odds_GK = torch.tensor([[2.0, 1.0, 9.0], [1.0, 2.0, 0.0], [1.0, 2.0, 0.0]])
    log_odds_GK.requires_grad_()
    scores_GK = torch.tensor([[1.0, 0.0, NAN], [1.0, 1.0, NAN], [0.0, 0.0, 0.0]])
    loss = contrast(log_odds_GK, scores_GK)
    assert loss.item() == pytest.approx(softmax_loss(2.0, 1.0) / 3)
    torch.autograd.backward(loss)
    assert log_odds_GK.grad is not None
    assert log_odds_GK.grad[0, 0] < 0 < log_odds_GK.grad[0, 1]
    assert not log_odds_GK.grad[0, 2].any()
    assert not log_odds_GK.grad[1:].any()


def test_likelihood_by_hand() -> None:
    log_odds_GK = torch.tensor([[1.0, -2.0, 7.0], [0.0, 3.0, 1.0]])
    scores_GK = torch.tensor([[1.0, 0.0, NAN], [1.0, 0.0, 0.25]])

    def cross_entropy(log_odds: float, score: float) -> float:
        chance = 1 / (1 + math.exp(-log_odds))
        return -score * math.log(chance) - (1 - score) * math.log(1 - chance)

    first = (cross_entropy(1, 1) + cross_entropy(-2, 0)) / 2
    second = (cross_entropy(0, 1) + cross_entropy(3, 0) + cross_entropy(1, 0.25)) / 3
    assert likelihood(log_odds_GK, scores_GK).item() == pytest.approx((first + second) / 2)


def test_names_of_losses() -> None:
    log_odds_GK, scores_GK = torch.tensor([[1.0, -2.0]]), torch.tensor([[0.0, 1.0]])
    ranked, level = contrast(log_odds_GK, scores_GK), likelihood(log_odds_GK, scores_GK)
    for name in ("paper", "ranking", "both"):
        assert loss_of(name, log_odds_GK, scores_GK) == ranked
    assert loss_of("likelihood", log_odds_GK, scores_GK) == level
    assert loss_of("anchored", log_odds_GK, scores_GK) == ranked + level
