"""A job's connection to Ray: the cluster it was submitted to, or a local one that ends with it.

What Ray, its workers and the engines in them log stays in Ray's files; progress is shown by
``cluster.progress``.
"""

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from cluster.errors import UserError
from cluster.settings import RaySettings

log = logging.getLogger(__name__)


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
    silent: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address:
        ray.init(address=address, **silent)
    else:
        ray.init(num_cpus=settings.num_cpus, include_dashboard=False, **silent)
        context = ray.get_runtime_context()
        place = Path(context.get_temp_dir()) / context.get_session_name() / "logs"
        log.info("Ray and the engines log to %s", place)
    _silence_ray_data()
    try:
        yield None if address else [node["Resources"] for node in ray.nodes()]
    finally:
        ray.shutdown()


def _silence_ray_data() -> None:
    """Ray Data has a handler and progress bars of its own, besides its file."""
    import ray.data

    for handler in logging.getLogger("ray.data").handlers:
        if type(handler).__module__ == "ray._private.log":
            handler.setLevel(logging.CRITICAL)
    ray.data.DataContext.get_current().enable_progress_bars = False


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
