"""The engines online: one candidate's ``LLMConfig``, for Ray Serve's OpenAI application.

Owns which server runs a candidate, with which resources, and which of its replicas answers. How
requests reach it is the ingress' business: Ray's, or the router's.
"""

from typing import Any

from ray.serve import Application
from ray.serve.llm import LLMConfig, build_llm_deployment
from ray.serve.llm.request_router import PrefixCacheAffinityRouter

from actors.candidate import placement
from actors.candidate.servers import RemoteServer, StandInServer
from cluster.store import Store, model_source
from cluster.zoo import Candidate, RemoteEngine, Resources, VllmEngine

# Requests under way on a replica at which Serve adds another one; Ray's own default never does.
_BUSY_REPLICA = 32


def llm_config(candidate: Candidate, store: Store) -> LLMConfig:
    """What ``ray.serve.llm.build_openai_app`` needs of a candidate.

    Raises:
        StoreError: the model's folder is not there.
        SettingsError: the variable of a remote engine's API key is not set.
    """
    if isinstance(candidate.engine, VllmEngine):
        return _vllm_config(candidate, candidate.engine, store)
    if isinstance(candidate.engine, RemoteEngine):
        candidate.engine.key()
    kind = candidate.engine.kind
    return LLMConfig(
        model_loading_config={"model_id": candidate.id},
        server_cls={"remote": RemoteServer, "stand-in": StandInServer}[kind],
        engine_kwargs=candidate.engine.model_dump(),
        accelerator_config={"kind": "cpu"},
        deployment_config={
            **_scaling(candidate.resources),
            "ray_actor_options": {"num_cpus": placement.server_cpus(candidate.resources)},
        },
    )


def build_app(candidate: Candidate, store: Store) -> Application:
    """The candidate as an application of its own, for one that joins a running router.

    Raises:
        StoreError, SettingsError: as ``llm_config``.
    """
    return build_llm_deployment(llm_config(candidate, store))


def application_name(id: str) -> str:
    """What a candidate's own application is called."""
    return f"candidate-{id}"


def _vllm_config(candidate: Candidate, engine: VllmEngine, store: Store) -> LLMConfig:
    resources = candidate.resources
    template = {"chat_template": engine.chat_template} if engine.chat_template else {}
    return LLMConfig(
        model_loading_config={
            "model_id": candidate.id,
            "model_source": model_source(engine.source, store),
        },
        engine_kwargs=placement.arguments(engine, resources) | template,
        accelerator_type=resources.accelerator_type,
        accelerator_config={"kind": "gpu" if resources.gpus else "cpu"},
        placement_group_config={"bundles": placement.bundles(resources)},
        runtime_env={"env_vars": placement.variables(resources)},
        deployment_config={
            **_scaling(resources),
            # The bundles hold all the CPUs; Serve adds the replica's own to the first one.
            "ray_actor_options": {"num_cpus": 0},
        },
    )


def _scaling(resources: Resources) -> dict[str, Any]:
    least, most = placement.replicas(resources)
    scaling: dict[str, Any] = {
        "autoscaling_config": {
            "min_replicas": least,
            "max_replicas": most,
            "target_ongoing_requests": _BUSY_REPLICA,
        }
    }
    if most > 1:  # the same prefix finds the replica whose cache is warm
        scaling["request_router_config"] = {"request_router_class": PrefixCacheAffinityRouter}
    return scaling
