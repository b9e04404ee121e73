"""From the name of a method to something that learns: the one place that knows all methods.

Methods are imported where they are made, so that reading a plan stays quick.
"""

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from actors.assessor.plan import Plan
from actors.examiner.outcomes import OutcomeMatrix

if TYPE_CHECKING:
    from actors.selector.scorer import Learner

ITEM_RESPONSE, MODEL_SAT = "item-response", "model-sat"


class Method(NamedTuple):
    """A way of choosing, untaught."""

    learner: "Learner"
    seen_only: bool = False  # cannot score candidates that it was not tuned on


# Makes a method by its name. The matrix is the source that is measured on, with its labels, which
# bounds such as the oracle look into; the int is the seed.
MakeMethod = Callable[[str, OutcomeMatrix, int], Method]


def methods(plan: Plan) -> MakeMethod:
    """The methods as a plan sets them up.

    What it returns raises SettingsError for a name that it does not know. Encoders are loaded when
    a method needs them, and read a text once for all methods.
    """
    from actors.selector.baselines.embedding import SentenceEmbedder
    from actors.selector.baselines.registry import Context, make_baseline
    from actors.selector.baselines.seen import Seen
    from actors.selector.item_response import pool_of
    from actors.selector.layers import Remembering
    from actors.tuner.item_response import ItemResponseLearner
    from actors.tuner.learner import ModelSatLearner
    from cluster.store import Store, model_source

    store = Store(plan.store)
    item_response = plan.item_response_settings()
    embedder = cache(lambda: SentenceEmbedder(model_source(plan.encoder, store)))
    pool = cache(lambda: Remembering(pool_of(item_response, store)))

    def make(name: str, asked: OutcomeMatrix, seed: int) -> Method:
        if name == ITEM_RESPONSE:
            return Method(ItemResponseLearner(pool(), item_response, seed))
        kind, _, variant = name.partition(" ")
        if kind == MODEL_SAT:
            return Method(ModelSatLearner(*plan.model_sat_settings(variant), store, seed))
        learner = make_baseline(name, Context(lambda texts: embedder()(texts), asked, seed))
        return Method(learner, seen_only=isinstance(learner, Seen))

    return make
