"""A job's connection to Ray: the cluster it was submitted to, or a local one that ends with it."""

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

from cluster.errors import UserError
from cluster.settings import RaySettings


@contextmanager
def ray_session(settings: RaySettings) -> Iterator[list[Mapping[str, float]] | None]:
    """Connects to ``settings.address``, else to the cluster around, else starts a local one.

    Within another session it is that one. Yields what each node of a local one has, by Ray's names;
    None of any other, which may grow.
    """
    import ray

    if ray.is_initialized():
        yield None
        return
    address = settings.address or os.environ.get("RAY_ADDRESS")
    if address:
        ray.init(address=address)
    else:
        ray.init(num_cpus=settings.num_cpus, include_dashboard=False)
    try:
        yield None if address else [node["Resources"] for node in ray.nodes()]
    finally:
        ray.shutdown()


@contextmanager
def running_cluster(settings: RaySettings) -> Iterator[None]:
    """Connects to the cluster that serves: ``settings.address``, or the one on this machine.

    Raises:
        UserError: there is none.
    """
    with ExitStack() as stack:
        address = settings.address or "auto"
        try:
            stack.enter_context(ray_session(settings.model_copy(update={"address": address})))
        except ConnectionError as error:
            raise UserError(f"key 'ray.address': no Ray cluster runs at '{address}'") from error
        yield
