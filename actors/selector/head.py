"""Where the log-odds of 'Yes' are read from the decoder's last state (paper: eq. 4).

Owns the settings ``head`` and ``anchor``. Two heads: the decoder's own logits of 'Yes' and 'No'
(``inquiry``), or a linear layer in their place (``regression``; paper: Performance Inquiry
Prompts). The anchor ties a candidate's level to its mean accuracy in the aptitude test.

Shapes: P states to read, D width of the decoder.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from cluster.settings import SelectorSettings


class Head(nn.Module):
    """Turns states into log-odds. It has no weights unless the settings ask for some."""

    def __init__(self, width_D: int, settings: SelectorSettings) -> None:
        """An untuned regression gives 0 for every state."""
        super().__init__()
        self.regression: nn.Linear | None = None
        if settings.head == "regression":
            self.regression = nn.Linear(width_D, 1)
            nn.init.zeros_(self.regression.weight)
            nn.init.zeros_(self.regression.bias)
        self.anchor: nn.Parameter | None = None  # scale and shift
        if settings.anchor:
            # In the groups of eq. 5 all rows are of one candidate, where an anchor cancels out:
            # that loss would never move a scale away from 0. So it starts where it is of use.
            self.anchor = nn.Parameter(torch.tensor([1.0, 0.0]))

    def forward(
        self, states_PD: Tensor, level_P: Tensor, answers: nn.Linear, ids: Tensor
    ) -> Tensor:
        """Log-odds ``[P]``.

        Args:
            states_PD: the decoder's last states where an answer would follow.
            level_P: of each state's candidate, the log-odds of its mean accuracy.
            answers: the decoder's output layer.
            ids: the two rows of ``answers`` for 'Yes' and 'No'. A soft cap or a scale that a
                decoder puts on its logits after them is left out.
        """
        if self.regression is not None:
            log_odds_P: Tensor = self.regression(states_PD)[:, 0]
        else:
            bias = None if answers.bias is None else answers.bias[ids]
            yes_P, no_P = linear(states_PD, answers.weight[ids], bias).unbind(1)
            log_odds_P = yes_P - no_P
        if self.anchor is not None:
            scale, shift = self.anchor
            log_odds_P = log_odds_P + scale * level_P + shift
        return log_odds_P
