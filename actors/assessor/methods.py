"""From the name of a method to something that learns: the one place that knows all methods.

Methods are imported where they are made, so that reading a plan stays quick.
"""

import importlib
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from actors.assessor.plan import Plan
from actors.examiner.card import CapabilityCard
from actors.examiner.outcomes import OutcomeMatrix

if TYPE_CHECKING:
    from actors.selector.scoring import Scorer


class Learner(Protocol):
    """Makes a scorer from outcomes."""

    def fit(self, outcomes: OutcomeMatrix, cards: Sequence[CapabilityCard]) -> "Scorer":
        """A scorer tuned on ``outcomes``; ``cards`` are of its candidates, in their order."""
        ...


class Method(NamedTuple):
    """A way of choosing, untaught."""

    learner: Learner
    seen_only: bool = False  # cannot score candidates that it was not tuned on


# Makes a method by its name. The matrix is the source that is measured on, with its labels, which
# bounds such as the oracle look into; the int is the seed.
MakeMethod = Callable[[str, OutcomeMatrix, int], Method]


def methods(plan: Plan) -> MakeMethod:
    """The methods as a plan sets them up; all share one sentence encoder.

    What it returns raises SettingsError for a name that it does not know.
    """
    embed = Embedder(plan.encoder, plan.store)

    def make(name: str, asked: OutcomeMatrix, seed: int) -> Method:
        registry = importlib.import_module("actors.selector.baselines.registry")
        seen = importlib.import_module("actors.selector.baselines.seen")
        learner = registry.make_baseline(name, registry.Context(embed, asked, seed))
        return Method(learner, seen_only=isinstance(learner, seen.Seen))

    return make


class Embedder:
    """Embeds texts with a frozen sentence encoder and remembers them."""

    def __init__(self, source: str, store: str) -> None:
        """``source`` is loaded when the first text comes."""
        self._source, self._store = source, store
        self._known: dict[str, NDArray[np.float32]] = {}

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embeddings of unit length, ``[N, E]``."""
        if new := [text for text in dict.fromkeys(texts) if text not in self._known]:
            self._known.update(zip(new, self._encode(new), strict=True))
        return np.stack([self._known[text] for text in texts])

    def _encode(self, texts: list[str]) -> NDArray[np.float32]:
        found: NDArray[np.float32] = self._encoder.encode(
            texts, normalize_embeddings=True, show_progress_bar=False
        )
        return found

    @cached_property
    def _encoder(self) -> Any:
        from sentence_transformers import SentenceTransformer

        from cluster.store import Store, model_source

        return SentenceTransformer(model_source(self._source, Store(self._store)), device="cpu")
