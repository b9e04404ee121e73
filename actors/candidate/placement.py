"""What a candidate's vLLM takes of the cluster: engine arguments, bundles, environment.

Shared by the engine for batches and the one online, so that both run a candidate alike. Plain
values only; nothing here imports Ray or vLLM.
"""

import math
from typing import Any

from cluster.zoo import Resources, VllmEngine

_CPU_CACHE_BYTES = 1 << 30


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


def variables(resources: Resources) -> dict[str, str]:
    """Environment of the engine's processes; empty on GPUs.

    By default vLLM pins its threads to the machine's cores as if it were alone there, so that
    several replicas crowd on the same ones; and Ray sets one OpenMP thread for most actors.
    """
    if resources.gpus:
        return {}
    threads = str(max(1, math.floor(resources.cpus)))
    return {"VLLM_CPU_OMP_THREADS_BIND": "nobind", "OMP_NUM_THREADS": threads}
