"""What a candidate takes of the cluster: vLLM's arguments, bundles, environment, replicas.

Shared by the engine for batches and the one online, so that both run a candidate alike, and by
what sizes a cluster for them. Plain values only; nothing here imports Ray or vLLM.
"""

import math
from typing import Any

from cluster.zoo import Candidate, RemoteEngine, Resources, VllmEngine

_CPU_CACHE_BYTES = 1 << 30
_WAITING_CPUS = 0.1


def arguments(engine: VllmEngine, resources: Resources) -> dict[str, Any]:
    """The candidate's vLLM arguments, with what follows from its resources.

    GPUs make a tensor-parallel group unless parallel sizes are given. On CPUs the cache gets
    1 GiB unless it is sized: vLLM's default takes nearly all memory of the machine.
    """
    given = dict(engine.args)
    if resources.gpus > 1 and not {"tensor_parallel_size", "pipeline_parallel_size"} & set(given):
        given["tensor_parallel_size"] = resources.gpus
    if not resources.gpus and not {"kv_cache_memory_bytes", "gpu_memory_utilization"} & set(given):
        given["kv_cache_memory_bytes"] = _CPU_CACHE_BYTES
    return given


def bundles(resources: Resources) -> list[dict[str, float]]:
    """One replica's placement group: a bundle for each GPU, or one of CPUs only."""
    if not resources.gpus:
        return [{"CPU": resources.cpus}]
    return [{"CPU": resources.cpus, "GPU": 1}] + [{"GPU": 1}] * (resources.gpus - 1)


def server_cpus(resources: Resources) -> float:
    """CPUs of a server without weights here: it waits for others most of the time."""
    return min(resources.cpus, _WAITING_CPUS)


def replica(candidate: Candidate) -> list[dict[str, float]]:
    """What Ray counts for one replica online, bundle by bundle.

    With an accelerator type, each bundle has a trifle of the resource that Ray gives such nodes.
    """
    resources, typed = candidate.resources, accelerator(candidate)
    if not isinstance(candidate.engine, VllmEngine):
        return [{"CPU": server_cpus(resources)} | typed]
    return [bundle | typed for bundle in bundles(resources)]


def accelerator(candidate: Candidate) -> dict[str, float]:
    """A trifle of the resource that nodes with the candidate's kind of GPU have.

    A stand-in is placed by it like what it stands for; an endpoint elsewhere is not.
    """
    kind = candidate.resources.accelerator_type
    if kind is None or isinstance(candidate.engine, RemoteEngine):
        return {}
    return {accelerator_resource(kind): 0.001}


def accelerator_resource(accelerator_type: str) -> str:
    """Ray's name of the resource that nodes with such GPUs have one of."""
    return f"accelerator_type:{accelerator_type}"


def replicas(resources: Resources) -> tuple[int, int]:
    """How many replicas there are online: at least, at most."""
    return resources.min_replicas, max(resources.min_replicas, resources.max_replicas)


def variables(resources: Resources) -> dict[str, str]:
    """Environment of the engine's processes; empty on GPUs.

    By default vLLM pins its threads to the machine's cores as if it were alone there, so that
    several replicas crowd on the same ones; threads that wait spin, and take the cores from others;
    and Ray sets one OpenMP thread for most actors.
    """
    if resources.gpus:
        return {}
    threads = str(max(1, math.floor(resources.cpus)))
    return {
        "VLLM_CPU_OMP_THREADS_BIND": "nobind",
        "OMP_NUM_THREADS": threads,
        "OMP_WAIT_POLICY": "PASSIVE",
    }
