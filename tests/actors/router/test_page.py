"""The page's files before a small application, in this process."""

import asyncio

import httpx
import pytest
from fastapi import FastAPI

from actors.router.guard import guard
from actors.router.keys import new_key
from actors.router.page import Page
from cluster.settings import GuardSettings


@pytest.fixture
def http(tmp_path_factory: pytest.TempPathFactory) -> FastAPI:
    """A guarded application with a page before it."""
    keys = tmp_path_factory.mktemp("page") / "keys"
    keys.write_text(new_key("alice")[1])
    http = FastAPI()
    guard(http, GuardSettings(keys=str(keys)))
    http.add_middleware(Page)
    return http


def ask(http: FastAPI, method: str, path: str) -> httpx.Response:
    async def asked() -> httpx.Response:
        transport = httpx.ASGITransport(http)
        async with httpx.AsyncClient(transport=transport, base_url="http://router") as client:
            return await client.request(method, path)

    return asyncio.run(asked())


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/", "text/html"), ("/page.css", "text/css"), ("/page.js", "text/javascript")],
)
def test_files_need_no_key_and_allow_nothing_foreign(http: FastAPI, path: str, kind: str) -> None:
    answer = ask(http, "GET", path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == f"{kind}; charset=utf-8"
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    assert "http" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/"), ("GET", "/page.js.map"), ("GET", "/v1/live")]
)
def test_all_else_is_the_guards_business(http: FastAPI, method: str, path: str) -> None:
    assert ask(http, method, path).status_code == 401


def test_the_script_never_makes_html_of_what_it_is_told(http: FastAPI) -> None:
    script = ask(http, "GET", "/page.js").text
    for name in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "Storage"):
        assert name not in script
    page = ask(http, "GET", "/").text
    for part in ("<style", " style=", "<script>", " onclick", "http://", "https://"):
        assert part not in page
