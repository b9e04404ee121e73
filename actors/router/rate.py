"""The limit on requests a minute, counted by the library ``limits``.

In memory each replica of the ingress counts for itself; in Redis all count together.
"""

import logging
import time
from math import ceil
from typing import Any

from limits import RateLimitItemPerMinute
from limits.aio.strategies import FixedWindowRateLimiter
from limits.errors import ConfigurationError, StorageError
from limits.storage import storage_from_string

from actors.router.keys import Caller
from actors.router.refusals import RefusedError, refusal
from cluster.errors import SettingsError
from cluster.settings import GuardSettings

_log = logging.getLogger("ray.serve")  # the one that Serve writes to a replica's log


class Rate:
    """Requests a minute of a key; of a client's address where no keys are asked for.

    A minute begins with a caller's first request, and so he may send twice his limit around its
    end. Windows that slide would not let him, but keep every request of the last minute.
    """

    def __init__(self, settings: GuardSettings) -> None:
        """Raises SettingsError where ``rate_storage`` cannot be used."""
        self._per_minute = settings.requests_per_minute
        self._limiter = FixedWindowRateLimiter(_storage(settings.rate_storage))

    async def count(self, caller: Caller | None, address: str) -> None:
        """Counts a request. Raises RefusedError 429 where it is one too many."""
        own = caller.requests_per_minute if caller else None
        if (per_minute := own or self._per_minute) is None:
            return
        who = ("key", caller.name) if caller else ("address", address)
        limit = RateLimitItemPerMinute(per_minute)
        try:
            if await self._limiter.hit(limit, *who):
                return
            reset = (await self._limiter.get_window_stats(limit, *who)).reset_time
        except StorageError as error:
            # The limit shares out the router fairly; without it the router still answers.
            found = error.storage_error
            _log.error("requests are not counted: %s: %s", type(found).__name__, found)
            return
        raise _too_many(per_minute, max(1, ceil(reset - time.time())))


def _storage(url: str | None) -> Any:
    url = url or "memory://"
    asynchronous = url if url.startswith("async+") else f"async+{url}"
    try:
        return storage_from_string(asynchronous, wrap_exceptions=True, implementation="redispy")
    except ConfigurationError as error:  # the URL may hold a password: only its scheme is told
        scheme = url.partition(":")[0]
        raise SettingsError(
            f"key 'router.guard.rate_storage': '{scheme}' is no storage of the library limits, "
            "or its client is not installed (redis: pip install redis)"
        ) from error


def _too_many(per_minute: int, seconds: int) -> RefusedError:
    return RefusedError(
        refusal(
            429,
            f"more than {per_minute} requests in a minute; try again in {seconds} s",
            kind="requests",
            code="rate_limit_exceeded",
            headers={"retry-after": str(seconds)},
        )
    )
