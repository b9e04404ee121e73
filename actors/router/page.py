"""The router's page at ``/``: three files that hold nothing of anybody, open without a key.

An ASGI middleware before the guard. What the page shows it asks of the API like any client, with
the key that is typed into it. Browsers are told to run and fetch nothing but what is ours.
"""

from importlib.resources import files

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

_FILES = {
    "/": ("index.html", "text/html"),
    "/page.css": ("page.css", "text/css"),
    "/page.js": ("page.js", "text/javascript"),
}
_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cache-control": "no-cache",
}


class Page:
    """The middleware."""

    def __init__(self, app: ASGIApp) -> None:
        """Reads the files that lie beside this module."""
        self._app = app
        static = files("actors.router") / "static"
        self._answers = {
            path: Response((static / name).read_bytes(), headers=_HEADERS, media_type=kind)
            for path, (name, kind) in _FILES.items()
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers for the page's files, and passes on the rest."""
        wanted = scope["type"] == "http" and scope["method"] in ("GET", "HEAD")
        answer = self._answers.get(scope["path"]) if wanted else None
        await (answer or self._app)(scope, receive, send)
