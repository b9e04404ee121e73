"""From the name of a method to something that learns: the one place that knows all methods.

Methods are imported where they are made, so that reading a plan stays quick.
"""

from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from actors.assessor.parts import read_outputs
from actors.assessor.plan import Plan
from actors.examiner.outcomes import OutcomeMatrix

if TYPE_CHECKING:
    from actors.selector.scorer import Learner

ITEM_RESPONSE, MODEL_SAT = "item-response", "model-sat"


class Method(NamedTuple):
    """A way of choosing, untaught."""

    learner: "Learner"
    seen_only: bool = False  # cannot score candidates that it was not tuned on


# Makes a method by its name, the name of the source that is measured on, and the seed.
MakeMethod = Callable[[str, str, int], Method]


def methods(plan: Plan, sources: Mapping[str, OutcomeMatrix]) -> MakeMethod:
    """The methods as a plan sets them up.

    Bounds such as the oracle look into the labels of ``sources``, re-rankers into what candidates
    wrote there. Encoders are loaded when a method needs them, and read a text once for all methods.

    What it returns raises SettingsError for a name that it does not know, and TableError where
    re-rankers find nothing written.

    Raises:
        StoreError: the model of a re-ranker is not there.
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
    rerankers = {name: model_source(model, store) for name, model in plan.rerankers.items()}
    outputs = cache(lambda source: read_outputs(plan.sources[source], sources[source]))

    @cache  # re-rankers load their model when they are made
    def make(name: str, source: str, seed: int) -> Method:
        if name == ITEM_RESPONSE:
            return Method(ItemResponseLearner(pool(), item_response, seed))
        kind, _, variant = name.partition(" ")
        if kind == MODEL_SAT:
            return Method(ModelSatLearner(*plan.model_sat_settings(variant), store, seed))
        context = Context(
            embed=lambda texts: embedder()(texts),
            asked=sources[source],
            seed=seed,
            outputs=lambda: outputs(source),
            sources=rerankers,
        )
        learner = make_baseline(name, context)
        return Method(learner, seen_only=isinstance(learner, Seen))

    return make
