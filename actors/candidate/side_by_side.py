"""Several candidates' engines at once: as many as the cluster has room for.

Owns which engine begins when, and what becomes of one that fails: the others go on, and the error
is raised after them. Each engine has a Ray Data pipeline of its own in a thread of the driver; the
driver only waits.

Room is counted over the whole cluster. It must be: pipelines whose engines wait for each other's
CPUs would never end. An engine that fits into the sum but on no node waits for Ray's scheduler. One
that needs more than there is begins when it is alone, so that a cluster may grow for it.
"""

import logging
import re
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import TypeVar

from actors.candidate.engine import BatchEngine
from cluster.errors import EngineError, ModelSatError

Result = TypeVar("Result")

_AROUND = {"CPU": 0.5}  # what reads and writes for an engine
_RAISED = re.compile(r"^[\w.]+(?:Error|Exception)\b.*", re.M)  # the line under a traceback
_REASON_LENGTH = 400

log = logging.getLogger(__name__)


def side_by_side(
    engines: Mapping[str, BatchEngine], work: Callable[[str], Result]
) -> dict[str, Result]:
    """Calls ``work`` with every candidate's id; returns what came of each.

    Raises:
        EngineError: what some candidates raised, in one message, after all others are done.
    """
    import ray

    waiting, running = list(engines), dict[Future[Result], str]()
    done, failures = dict[str, Result](), list[EngineError]()
    threads = ThreadPoolExecutor(max(1, len(engines)))
    try:
        while waiting or running:
            held = [engines[id].needs for id in running.values()]
            for id in _that_fit(waiting, engines, held, ray.cluster_resources()):
                waiting.remove(id)
                running[threads.submit(work, id)] = id
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                id = running.pop(future)
                try:
                    done[id] = future.result()
                except EngineError as error:
                    log.error("%s", error)
                    failures.append(error)
    finally:
        threads.shutdown(wait=False, cancel_futures=True)
    if failures:
        raise EngineError("; ".join(str(error) for error in failures)) from failures[0]
    return {id: done[id] for id in engines}


def _that_fit(
    waiting: list[str],
    engines: Mapping[str, BatchEngine],
    held: list[Mapping[str, float]],
    room: Mapping[str, float],
) -> list[str]:
    """Which of those that wait may begin beside those whose needs are ``held``."""
    begun: list[str] = []
    for id in waiting:
        needs = [*held, *(engines[other].needs for other in begun), engines[id].needs]
        if len(needs) == 1 or _sum_fits(needs, room):
            begun.append(id)
    return begun


def _sum_fits(needs: list[Mapping[str, float]], room: Mapping[str, float]) -> bool:
    parts = [part for one in needs for part in (one, _AROUND)]
    names = {name for part in parts for name in part}
    return all(sum(part.get(name, 0.0) for part in parts) <= room.get(name, 0.0) for name in names)


@contextmanager
def engine_errors(model_id: str) -> Iterator[None]:
    """Turns what Ray raises while an engine answers into an EngineError that names the candidate.

    Errors of ours pass as they are.
    """
    from ray.exceptions import RayError

    try:
        yield
    except (RayError, ValueError) as error:  # the latter: a configuration that Ray refuses
        if isinstance(error, ModelSatError) and not isinstance(error, RayError):
            raise
        raise EngineError(f"candidate '{model_id}': {_reason(error)}") from error


def _reason(error: Exception) -> str:
    """What went wrong, of an error whose text holds the tracebacks of other processes."""
    text = str(error).partition("Failed to apply UDF")[0]  # there Ray explains its retries
    last = text[max((found.start() for found in _RAISED.finditer(text)), default=0) :]
    return " ".join(last.split())[:_REASON_LENGTH]
