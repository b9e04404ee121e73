"""The guard before a small application, in this process: who gets in, how often, with how much."""

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request
from fastapi.middleware.cors import CORSMiddleware
from limits.aio.storage import MemoryStorage

from actors.router.guard import guard
from actors.router.keys import new_key
from cluster.errors import SettingsError
from cluster.settings import GuardSettings

ORIGIN = {"origin": "https://chat.example"}
PREFLIGHT = ORIGIN | {"access-control-request-method": "POST"}


def application(settings: GuardSettings) -> FastAPI:
    """As Ray's ``init`` makes one, with two routes that tell what reached them."""
    http = FastAPI()
    http.add_middleware(CORSMiddleware, allow_origins=["*"], allow_credentials=True)

    @http.get("/seen")
    async def seen(request: Request) -> dict[str, Any]:
        return {"caller": request.state.caller, "authorization": "authorization" in request.headers}

    @http.post("/size")
    async def size(request: Request) -> int:
        return len(await request.body())

    guard(http, settings)
    return http


def client(http: FastAPI, address: str = "10.0.0.1") -> httpx.AsyncClient:
    transport = httpx.ASGITransport(http, client=(address, 5))
    return httpx.AsyncClient(transport=transport, base_url="http://router")


def get(settings: GuardSettings, *requests: Any, path: str = "/seen") -> list[Any]:
    """The answers to requests with these headers, one after the other."""

    async def ask() -> list[Any]:
        async with client(application(settings)) as http:
            return [await http.get(path, headers=headers) for headers in requests]

    return asyncio.run(ask())


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


def check_refusal(answer: Any, status: int, code: str) -> None:
    assert answer.status_code == status
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["code"] == code


@pytest.fixture
def keys(tmp_path: Path) -> tuple[str, str, str]:
    """A file, the key of alice, and that of bob, who may send 2 requests a minute."""
    (alice, first), (bob, second) = new_key("alice"), new_key("bob", 2)
    path = tmp_path / "keys"
    path.write_text(f"{first}\n{second}\n")
    return str(path), alice, bob


def test_without_keys_everyone_gets_in() -> None:
    for answer in get(GuardSettings(), {}, bearer("none")):
        assert answer.json() == {"caller": None, "authorization": False}


def test_a_key_tells_who_calls_and_goes_no_further(keys: tuple[str, str, str]) -> None:
    path, alice, bob = keys
    answers = get(
        GuardSettings(keys=path),
        bearer(alice),
        bearer(bob),
        {"authorization": f"bearer  {alice} "},
    )
    assert [answer.json()["caller"] for answer in answers] == ["alice", "bob", "alice"]
    assert not any(answer.json()["authorization"] for answer in answers)


@pytest.mark.parametrize("path", ["/seen", "/nowhere", "/docs", "/openapi.json"])
def test_no_key_or_a_wrong_one_gets_401(keys: tuple[str, str, str], path: str) -> None:
    file, alice, _ = keys
    wrong: list[Any] = [
        {},
        bearer(""),
        bearer("none"),
        bearer(alice[:-1]),
        {"authorization": alice},
        {"authorization": f"Basic {alice}"},
        {"x-api-key": alice},
        {"authorization": f"Bearer {alice}\xe9".encode("latin-1")},
    ]
    for answer in get(GuardSettings(keys=file), *wrong, path=path):
        check_refusal(answer, 401, "invalid_api_key")
        assert answer.headers["www-authenticate"] == "Bearer"
        assert alice[:-1] not in answer.text


def test_a_key_has_its_own_limit_or_that_of_the_settings(keys: tuple[str, str, str]) -> None:
    path, alice, bob = keys
    settings = GuardSettings(keys=path, requests_per_minute=3)
    answers = get(settings, *[bearer(bob)] * 3, *[bearer(alice)] * 4)
    assert [answer.status_code for answer in answers] == [200, 200, 429, 200, 200, 200, 429]
    for refused in (answers[2], answers[6]):
        check_refusal(refused, 429, "rate_limit_exceeded")
        assert 58 <= int(refused.headers["retry-after"]) <= 61


def test_a_wrong_key_counts_for_nobody(keys: tuple[str, str, str]) -> None:
    path, _, bob = keys
    answers = get(GuardSettings(keys=path), *[bearer("none")] * 5, *[bearer(bob)] * 3)
    assert [answer.status_code for answer in answers] == [401] * 5 + [200, 200, 429]


def test_without_keys_an_address_has_the_limit() -> None:
    async def ask() -> list[int]:
        http = application(GuardSettings(requests_per_minute=2))
        found = []
        for address in ("10.0.0.1", "10.0.0.1", "10.0.0.1", "10.0.0.2"):
            async with client(http, address) as asking:
                found.append((await asking.get("/seen")).status_code)
        return found

    assert asyncio.run(ask()) == [200, 200, 429, 200]


def test_requests_at_once_are_all_counted() -> None:
    async def ask() -> list[int]:
        async with client(application(GuardSettings(requests_per_minute=20))) as http:
            answers = await asyncio.gather(*(http.get("/seen") for _ in range(60)))
        return [answer.status_code for answer in answers]

    found = asyncio.run(ask())
    assert (found.count(200), found.count(429)) == (20, 40)


def test_more_requests_at_once_than_it_takes_are_refused_until_some_are_answered() -> None:
    http = application(GuardSettings(max_requests_at_once=2))
    answered = asyncio.Event()

    @http.get("/slow")
    async def slow() -> str:
        await answered.wait()
        return "done"

    async def ask() -> tuple[list[Any], Any, Any]:
        async with client(http) as asking:
            begun = [asyncio.create_task(asking.get("/slow")) for _ in range(2)]
            await asyncio.sleep(0.1)
            refused = await asking.get("/seen")
            answered.set()
            return await asyncio.gather(*begun), refused, await asking.get("/seen")

    begun, refused, later = asyncio.run(ask())
    assert [answer.json() for answer in begun] == ["done", "done"]
    check_refusal(refused, 503, "overloaded")
    assert refused.headers["retry-after"] == "1"
    assert later.status_code == 200


class _DownStorage(MemoryStorage):
    """A storage of counts that does not answer."""

    STORAGE_SCHEME = ["async+down"]  # noqa: RUF012

    @property
    def base_exceptions(self) -> type[Exception]:
        return ConnectionError

    async def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        raise ConnectionError("refused")


def test_a_storage_that_is_down_does_not_take_the_router_with_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    settings = GuardSettings(requests_per_minute=1, rate_storage="down://here")
    with caplog.at_level(logging.ERROR, "ray.serve"):
        assert [answer.status_code for answer in get(settings, {}, {})] == [200, 200]
    assert "ConnectionError: refused" in caplog.text


def test_what_cannot_guard_is_said_before_it_starts(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="absent: cannot be read"):
        application(GuardSettings(keys=str(tmp_path / "absent")))
    with pytest.raises(SettingsError, match=r"router\.guard\.rate_storage.*'blackboard'") as caught:
        application(GuardSettings(rate_storage="blackboard://user:secret@host"))
    assert "secret" not in str(caught.value)


def test_a_body_of_the_limit_passes_and_a_larger_one_does_not() -> None:
    async def ask() -> list[Any]:
        async with client(application(GuardSettings(max_body_bytes=1000))) as http:
            return [await http.post("/size", content=b"x" * size) for size in (0, 1000, 1001)]

    empty, full, over = asyncio.run(ask())
    assert (empty.json(), full.json()) == (0, 1000)
    check_refusal(over, 413, "request_too_large")


def test_of_a_body_without_a_length_no_more_than_the_limit_is_read() -> None:
    taken = 0

    async def chunks(count: int) -> AsyncIterator[bytes]:
        nonlocal taken
        for _ in range(count):
            taken += 1
            yield b"x" * 100

    async def ask() -> list[Any]:
        async with client(application(GuardSettings(max_body_bytes=1000))) as http:
            passed = await http.post("/size", content=chunks(10))
            return [passed, await http.post("/size", content=chunks(10**6))]

    passed, over = asyncio.run(ask())
    assert passed.json() == 1000
    check_refusal(over, 413, "request_too_large")
    assert taken <= 10 + 12


def test_a_client_that_leaves_while_it_sends_leaves_no_error() -> None:
    messages = iter([{"type": "http.request", "body": b"x", "more_body": True}])
    sent: list[Any] = []

    async def receive() -> Any:
        return next(messages, {"type": "http.disconnect"})

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/absent",
        "headers": [],
        "query_string": b"",
    }
    asyncio.run(application(GuardSettings())(scope, receive, send))
    assert sent[0]["status"] == 404


def test_no_other_web_page_may_call_unless_it_is_listed(keys: tuple[str, str, str]) -> None:
    path, alice, _ = keys

    async def ask(settings: GuardSettings) -> list[Any]:
        async with client(application(settings)) as http:
            preflight = await http.options("/size", headers=PREFLIGHT)
            return [preflight, await http.get("/seen", headers=ORIGIN | bearer(alice))]

    for answer in asyncio.run(ask(GuardSettings(keys=path))):
        assert "access-control-allow-origin" not in answer.headers
    listed = GuardSettings(keys=path, allow_origins=("https://chat.example",))
    preflight, answer = asyncio.run(ask(listed))
    assert (preflight.status_code, answer.status_code) == (200, 200)
    for found in (preflight, answer):
        assert found.headers["access-control-allow-origin"] == "https://chat.example"
        assert "access-control-allow-credentials" not in found.headers
    (refused,) = get(listed, ORIGIN)  # a page must be able to read why
    assert (refused.status_code, "access-control-allow-origin" in refused.headers) == (401, True)
    (other,) = get(listed, {"origin": "https://elsewhere.example"} | bearer(alice))
    assert "access-control-allow-origin" not in other.headers
