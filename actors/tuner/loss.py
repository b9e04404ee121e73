"""The loss of MODEL-SAT (paper: eq. 5), a pure function of log-odds.

Shapes: G groups, K instructions in a group.
"""

from torch import Tensor
from torch.nn.functional import cross_entropy


def group_loss(log_odds_GK: Tensor, positive_G: Tensor) -> Tensor:
    """Eq. 5: -log Pr(h(Z) = y_pos | Z), the mean over groups.

    h picks the instruction of a group that the decoder says 'Yes' to most, so the chance that it
    picks the positive is the softmax over the group's log-odds of 'Yes'.
    """
    return cross_entropy(log_odds_GK, positive_G)
