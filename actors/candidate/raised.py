"""Errors of ours that workers raised, as they raised them.

Ray wraps them, and what it wraps them in says a traceback of many lines. Here because no role below
this one runs on Ray.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from cluster.errors import ModelSatError


@contextmanager
def as_raised() -> Iterator[None]:
    """Around what waits for tasks, actors or Ray Train's workers: an error of ours comes bare."""
    try:
        yield
    except Exception as error:
        failures = getattr(error, "worker_failures", {0: error})  # Ray Train's, by rank
        for failure in failures.values():
            cause = getattr(failure, "cause", failure)  # a task's
            if isinstance(cause, ModelSatError):
                raise cause from None
        raise
