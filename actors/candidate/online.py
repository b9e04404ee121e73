"""The engines online: each candidate's deployment, and how Ray's OpenAI ingress reaches it.

Owns which server runs a candidate, with which resources, and which of its replicas answers.
"""

from typing import Any

from ray import serve
from ray.serve import Application
from ray.serve.handle import DeploymentHandle
from ray.serve.llm import LLMConfig, build_llm_deployment
from ray.serve.llm.request_router import PrefixCacheAffinityRouter

from actors.candidate import placement
from actors.candidate.handle import CandidateHandle, JsonHandle
from actors.candidate.servers import RemoteServer, StandInServer
from cluster.errors import EngineError
from cluster.store import Store, model_source
from cluster.zoo import Candidate, RemoteEngine, Resources, VllmEngine

# Requests under way on a replica at which Serve adds another one; Ray's own default never does.
_BUSY_REPLICA = 32
# How soon Serve notices that a replica died, for which requests wait; its default is ten seconds.
HEALTH = {"health_check_period_s": 2.0}
_NO_LIMIT = 10**9  # requests under way on a replica that only waits for somebody else


def build_app(candidate: Candidate, store: Store) -> Application:
    """The candidate's deployment: a part of the router's application, or one that joins later.

    Raises:
        StoreError: the model's folder is not there.
        SettingsError: the variable of a remote engine's API key is not set.
    """
    engine = candidate.engine
    if isinstance(engine, VllmEngine):
        return build_llm_deployment(llm_config(candidate, store))
    if isinstance(engine, RemoteEngine):
        engine.key()
    server = RemoteServer if isinstance(engine, RemoteEngine) else StandInServer
    deployment = serve.deployment(
        server,
        name=f"{server.__name__}:{deployment_name(candidate.id)}",
        max_ongoing_requests=_NO_LIMIT,
        ray_actor_options={
            "num_cpus": placement.server_cpus(candidate.resources),
            "resources": placement.accelerator(candidate),
        },
        **HEALTH,
        **_scaling(candidate.resources),
    )
    return deployment.bind(candidate.id, engine)


def start(candidate: Candidate, store: Store) -> None:
    """Runs the candidate as an application of its own, on the Serve that is there.

    Raises:
        StoreError, SettingsError: as ``build_app``.
        EngineError: it did not start; nothing of it is left.
    """
    name = application_name(candidate.id)
    try:
        serve.run(build_app(candidate, store), name=name, route_prefix=None)
    except RuntimeError as error:
        serve.delete(name)
        raise EngineError(f"candidate '{candidate.id}' did not start: {error}") from error


def ingress_handle(candidate: Candidate, handle: DeploymentHandle) -> CandidateHandle:
    """How Ray's OpenAI ingress asks the candidate whose deployment ``handle`` leads to."""
    return (CandidateHandle if isinstance(candidate.engine, VllmEngine) else JsonHandle)(handle)


def llm_config(candidate: Candidate, store: Store) -> LLMConfig:
    """What Ray's LLM classes want to know of a candidate.

    Raises:
        StoreError: the model's folder is not there.
    """
    if isinstance(candidate.engine, VllmEngine):
        return _vllm_config(candidate, candidate.engine, store)
    return LLMConfig(
        model_loading_config={"model_id": candidate.id}, accelerator_config={"kind": "cpu"}
    )


def application_name(id: str) -> str:
    """What a candidate's own application is called."""
    return f"candidate-{id}"


def deployment_name(id: str) -> str:
    """What a candidate's deployment is called, after its server's name: as Ray calls its own."""
    return id.replace(".", "_")


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
            **HEALTH,
            **_scaling(resources),
            **_prefix_aware(resources),
            # The bundles hold all the CPUs; Serve adds the replica's own to the first one.
            "ray_actor_options": {"num_cpus": 0},
        },
    )


def _scaling(resources: Resources) -> dict[str, Any]:
    least, most = placement.replicas(resources)
    return {
        "autoscaling_config": {
            "min_replicas": least,
            "max_replicas": most,
            "target_ongoing_requests": _BUSY_REPLICA,
        }
    }


def _prefix_aware(resources: Resources) -> dict[str, Any]:
    """The same prefix finds the replica whose cache is warm."""
    if placement.replicas(resources)[1] == 1:
        return {}
    return {"request_router_config": {"request_router_class": PrefixCacheAffinityRouter}}
