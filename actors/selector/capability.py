"""What a selector reads of a capability card, and the tokens it becomes (paper: eq. 2).

Owns the ways of reading a card, each a setting of ``SelectorSettings``, and the connector behind
them:

    capability: text    windows of c^m as text; each is one vector and one token (the reference)
    capability: tasks   every line alone, pooled by learned queries: the tasks have no order
    capability: words   the words of c^m as the decoder's own, without psi and W (paper: Table 2)
    numeric             beside either, the accuracies themselves as numbers, without order too

The encoder psi is ``network``'s, and so is what tokens are used for.

Shapes: C texts or tokens of a card, K tasks, Q queries, E width of the encoder, D of the decoder.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, normalize, scaled_dot_product_attention

from actors.examiner.card import CapabilityCard
from actors.selector.instruction import windows
from cluster.settings import SelectorSettings


class Capability(NamedTuple):
    """What is read of a card before any network has seen it."""

    texts: tuple[str, ...]  # windows of c^m, or its lines
    topics: tuple[str, ...]  # with ``numeric``: what each task is about, else none
    numbers: tuple[float, ...]  # log-odds of the accuracy in each of ``topics``
    level: float  # log-odds of the mean accuracy


class Encoded(NamedTuple):
    """A capability that psi has read."""

    texts_CE: Tensor  # with capability ``words`` the decoder's word embeddings ``[C, D]``
    profile_E: Tensor | None  # with ``numeric``: psi(topics) by their numbers, both centred
    level: float


class CardTokens(NamedTuple):
    """What a row holds of a card: its capability tokens e_c, and the level it is anchored at."""

    tokens_CD: Tensor
    level: float


def read(
    card: CapabilityCard, settings: SelectorSettings, fits: Callable[[str], bool]
) -> Capability:
    """The capability of a card; ``fits`` says whether the encoder reads a text whole.

    Raises:
        UserError: a line of the card does not fit.
    """
    lines = [result.line() for result in card.tasks]
    if card.notes and settings.expert_knowledge:
        lines.append(card.notes)
    if settings.capability == "words":
        texts = ["\n".join(lines) + "\n\n"]
    else:
        texts = windows(lines, fits, join=settings.capability == "text")
    numbered = card.tasks if settings.numeric else []
    return Capability(
        texts=tuple(texts),
        topics=tuple(result.topics() for result in numbered),
        numbers=tuple(_log_odds(result.accuracy, result.count) for result in numbered),
        level=_log_odds(card.mean_accuracy(), sum(result.count for result in card.tasks)),
    )


def _log_odds(accuracy: float, count: int) -> float:
    """Log-odds with half an answer added to right and wrong: none and all right stay finite."""
    return math.log((accuracy * count + 0.5) / ((1 - accuracy) * count + 0.5))


class Connector(nn.Module):
    """W of eq. 2, and what the settings add to it."""

    def __init__(self, width_E: int, width_D: int, settings: SelectorSettings) -> None:
        """All weights start at zero: see ``network.scale_connector`` and ``checkpoint.load``."""
        super().__init__()
        self.weight: nn.Parameter | None = None
        if settings.capability != "words":
            self.weight = nn.Parameter(torch.zeros(width_D, width_E))
        self.queries_QE: nn.Parameter | None = None
        if settings.capability == "tasks":
            self.queries_QE = nn.Parameter(torch.zeros(settings.capability_tokens, width_E))
        self.numeric: nn.Parameter | None = None
        if settings.numeric:  # it stays at zero until tuned, so that it changes nothing before
            self.numeric = nn.Parameter(torch.zeros(width_D, width_E))

    def forward(self, capability: Encoded) -> Tensor:
        """The capability tokens ``[C, D]``."""
        vectors_CE = capability.texts_CE
        if self.weight is None:
            return vectors_CE
        if self.queries_QE is not None:
            vectors_CE = pooled(self.queries_QE, vectors_CE)
        tokens_CD = linear(vectors_CE, self.weight)
        if self.numeric is not None and capability.profile_E is not None:
            tokens_CD = tokens_CD + linear(capability.profile_E, self.numeric)
        return tokens_CD


def pooled(queries_QE: Tensor, vectors_KE: Tensor) -> Tensor:
    """Means of the vectors, ``[Q, E]``, weighted by each query's likeness to them."""
    # Lines of a card are much alike. What they differ in, at length one, lets queries that are
    # drawn at random tell them apart, mildly.
    keys_KE = normalize(vectors_KE - vectors_KE.mean(0), dim=1)
    return scaled_dot_product_attention(
        queries_QE[None], keys_KE[None], vectors_KE[None], scale=1.0
    )[0]
