"""What stands before the ingress: API keys, limits on requests and on their size, and CORS.

An ASGI middleware that knows nothing of models. What it lets pass carries ``request.state.caller``,
the name of the key (None where no keys are asked for), and no longer the key itself, so that
nothing behind it can log or forward one. TLS is the load balancer's business.
"""

from typing import Any

from fastapi import FastAPI, Request
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import JSONResponse
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from actors.router.keys import Caller, KeyFile
from actors.router.rate import Rate
from actors.router.refusals import RefusedError, refusal
from cluster.settings import GuardSettings


def guard(http: FastAPI, settings: GuardSettings) -> None:
    """Puts the guard before an application that Ray's ``init`` made.

    Raises:
        SettingsError: the file of keys or the storage of counts cannot be used. Replicas read both
            again; here it is said before one is started.
    """
    Guard(http, settings)
    # Ray's init() lets in every origin and has no argument that says otherwise.
    layers: list[Any] = http.user_middleware
    http.user_middleware = [layer for layer in layers if layer.cls is not CORSMiddleware]
    http.add_middleware(Guard, settings=settings)
    if settings.allow_origins:
        # Before the guard, for browsers ask without a key what they may send.
        http.add_middleware(
            CORSMiddleware,
            allow_origins=settings.allow_origins,
            allow_methods=["GET", "POST"],
            allow_headers=["*"],
        )


def caller_of(request: Request) -> str | None:
    """The name of the key that a request came with; None where none was asked for."""
    name: str | None = request.state.caller
    return name


class Guard:
    """The middleware."""

    def __init__(self, app: ASGIApp, settings: GuardSettings) -> None:
        """Raises SettingsError as ``guard``."""
        self._app = app
        self._keys = KeyFile(settings.keys) if settings.keys else None
        self._rate = Rate(settings)
        self._max_body_bytes = settings.max_body_bytes
        self._max_at_once = settings.max_requests_at_once
        self._at_once = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on, or answers 401, 413, 429 or 503."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif self._at_once >= self._max_at_once:
            await _overloaded()(scope, receive, send)
        else:
            self._at_once += 1
            try:
                await self._pass(scope, receive, send)
            finally:
                self._at_once -= 1

    async def _pass(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            caller = self._caller(scope)
            scope.setdefault("state", {})["caller"] = caller.name if caller else None
            await self._rate.count(caller, _address(scope))
            receive = await _read(scope, receive, self._max_body_bytes)
        except RefusedError as refused:
            await refused.answer(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _caller(self, scope: Scope) -> Caller | None:
        """Whose key the request carries; takes the key out of it."""
        kind, _, key = Headers(scope=scope).get("authorization", "").partition(" ")
        scope["headers"] = [field for field in scope["headers"] if field[0] != b"authorization"]
        if self._keys is None:
            return None
        if kind.lower() != "bearer" or not key.strip():
            raise _unauthorized("an API key is needed, as 'Authorization: Bearer KEY'")
        caller = self._keys.caller(key.strip().encode("latin-1"))
        if caller is None:
            raise _unauthorized("the API key is not known here")
        return caller


def _overloaded() -> JSONResponse:
    message = "the router has as many requests as it takes; try again in a second"
    return refusal(503, message, code="overloaded", headers={"retry-after": "1"})


def _unauthorized(message: str) -> RefusedError:
    headers = {"www-authenticate": "Bearer"}
    return RefusedError(refusal(401, message, code="invalid_api_key", headers=headers))


def _address(scope: Scope) -> str:
    """The client's address: behind a load balancer the balancer's, if it hides the client's."""
    client = scope.get("client")
    return client[0] if client else "unknown"


async def _read(scope: Scope, receive: Receive, limit: int) -> Receive:
    """Reads a body of at most ``limit`` bytes; returns what receives it anew, and what follows.

    Raises:
        RefusedError: 413, as soon as it is known; no more than the limit and a chunk are held.
    """
    length = Headers(scope=scope).get("content-length", "")
    if length.isdecimal() and int(length) > limit:
        raise _too_large(limit)
    body, more = bytearray(), True
    while more:
        message = await receive()
        chunk = message.get("body", b"")
        if len(body) + len(chunk) > limit:
            raise _too_large(limit)
        body += chunk
        more = message.get("more_body", False)
    left = message["type"] == "http.disconnect"
    whole = [message if left else {"type": "http.request", "body": bytes(body)}]

    async def replay() -> Message:
        return whole.pop() if whole else await receive()

    return replay


def _too_large(limit: int) -> RefusedError:
    message = f"the request's body is larger than {limit} bytes"
    return RefusedError(refusal(413, message, code="request_too_large"))
