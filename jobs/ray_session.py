"""A job's connection to Ray: the cluster it was submitted to, or a local one that ends with it.

What Ray, its workers and the engines in them log stays in Ray's files; progress is shown by
``cluster.progress``.
"""

import logging
import os
import re
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeAlias

from cluster.errors import UserError
from cluster.settings import RaySettings

# What each node has, by Ray's names; None of a cluster that adds nodes for what is asked.
Nodes: TypeAlias = Sequence[Mapping[str, float]] | None

# Of a cluster on one machine, where engines load while Serve starts: its controller kills a proxy
# that is not ready within five seconds, and whoever waits for that one hears that it died.
PATIENCE = {
    "RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S": "60",
    "RAY_SERVE_PROXY_HEALTH_CHECK_TIMEOUT_S": "30",
}

_KNOCK_SECONDS = 10.0
_VERSIONS = re.compile(r"Ray: (\S+)\s+Python: (\S+)")

log = logging.getLogger(__name__)


@contextmanager
def ray_session(settings: RaySettings) -> Iterator[Nodes]:
    """Connects to ``settings.address``, else to the cluster around, else starts a local one.

    Within another session it is that one. Yields what there is to run on.

    Raises:
        UserError: no cluster answers there, or one of another version of Ray or Python does.
    """
    import ray

    within = ray.is_initialized()
    if not within:
        _connect(settings)
    try:
        yield None if settings.autoscales else _nodes()
    finally:
        if not within:
            ray.shutdown()


def _silence_libraries() -> None:
    """Ray's libraries have handlers of their own, besides their files; Ray Data has bars as well.

    Its LLM library gives the root logger one when it is imported, that tells everything in JSON. So
    a job that serves imports what it serves with before its session begins.
    """
    import ray.data

    logging.getLogger("ray.serve").setLevel(logging.ERROR)
    for handler in logging.getLogger("ray.data").handlers:
        if type(handler).__module__ == "ray._private.log":
            handler.setLevel(logging.CRITICAL)
    for handler in logging.getLogger().handlers:
        if type(handler.formatter).__module__ == "ray._common.formatters":
            handler.setLevel(logging.ERROR)
    ray.data.DataContext.get_current().enable_progress_bars = False


@contextmanager
def running_cluster(settings: RaySettings) -> Iterator[Nodes]:
    """As ``ray_session``, of the cluster that serves: one on this machine if none is named."""
    address = settings.address or os.environ.get("RAY_ADDRESS") or started_here() or "auto"
    with ray_session(settings.model_copy(update={"address": address})) as nodes:
        yield nodes


def _connect(settings: RaySettings) -> None:
    import ray

    address = settings.address or os.environ.get("RAY_ADDRESS") or started_here()
    silent: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    try:
        if address:
            _knock(address)
            ray.init(address=address, **silent)
        else:
            for name, value in PATIENCE.items():
                os.environ.setdefault(name, value)  # Ray's processes inherit it
            cpus = settings.num_cpus
            ray.init(address="local", num_cpus=cpus, include_dashboard=False, **silent)
            context = ray.get_runtime_context()
            place = Path(context.get_temp_dir()) / context.get_session_name() / "logs"
            log.info("Ray and the engines log to %s", place)
    except OSError as error:  # ConnectionError among them, which is Ray's
        raise UserError(f"key 'ray.address': no Ray cluster runs at '{address}'") from error
    except RuntimeError as error:  # Ray has no class of its own for this one
        versions = _VERSIONS.findall(str(error))
        if "Version mismatch" not in str(error) or len(versions) != 2:
            raise
        (ray_there, python_there), (ray_here, python_here) = versions
        raise UserError(
            f"key 'ray.address': the cluster at '{address}' runs Ray {ray_there} on Python "
            f"{python_there}, and this job Ray {ray_here} on Python {python_here}; both must be "
            "the same"
        ) from error
    _silence_libraries()


def started_here() -> str | None:
    """The address of the cluster that ``ray start`` started on this machine, if it still runs."""
    # Ray does not publish it, and waits for minutes for one that ended without ``ray stop``.
    from ray._private.services import find_bootstrap_address

    if address := find_bootstrap_address(None):
        with suppress(OSError):
            _knock(address)
            return str(address)
    return None


def _knock(address: str) -> None:
    """Raises OSError if nobody listens there, for which Ray would wait without end."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if colon and port.isdecimal():
        socket.create_connection((host, int(port)), _KNOCK_SECONDS).close()


def _nodes() -> Nodes:
    import ray

    return [node["Resources"] for node in ray.nodes() if node["Alive"]]
