"""A job's connection to Ray: the cluster it was submitted to, or a local one that ends with it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from cluster.settings import RaySettings


@contextmanager
def ray_session(settings: RaySettings) -> Iterator[None]:
    """Connects to ``settings.address``, else to the cluster around, else starts a local one.

    Within another session it is that one.
    """
    import ray

    if ray.is_initialized():
        yield
        return
    address = settings.address or os.environ.get("RAY_ADDRESS")
    if address:
        ray.init(address=address)
    else:
        ray.init(num_cpus=settings.num_cpus, include_dashboard=False)
    try:
        yield
    finally:
        ray.shutdown()
