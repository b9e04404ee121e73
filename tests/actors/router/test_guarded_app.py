"""The guard before the served application, through Serve's proxy; and what the logs tell."""

import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
import ray
from openai import OpenAI

from actors.router.app import serving
from actors.router.keys import new_key
from tests.browser import Browser

pytestmark = pytest.mark.slow

PORT = 8301
PROMPT = "marked-prompt-5b1f"
CHAT = [{"role": "user", "content": PROMPT}]
# Notes which parts of the page are filled, in their order.
WATCH = """
window.seen = [];
for (const id of ["scores", "answer"]) {
  const note = () => seen.includes(id) || seen.push(id);
  new MutationObserver(note).observe(document.getElementById(id), {childList: true, subtree: true});
}
"""


@pytest.fixture(scope="module")
def alice() -> tuple[str, str]:
    return new_key("alice")


@pytest.fixture(scope="module")
def served(
    ray_cluster: None,
    make_stand_ins: Any,
    alice: tuple[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[str]:
    path = tmp_path_factory.mktemp("guard") / "keys"
    path.write_text(alice[1])
    guard = {"keys": str(path), "max_body_bytes": 2**20}
    with serving(make_stand_ins(PORT, guard=guard, selector_in_ingress=True)) as url:
        yield url


@pytest.fixture
def client(served: str, alice: tuple[str, str]) -> Any:
    return OpenAI(base_url=served, api_key=alice[0], max_retries=0)


def test_openais_client_gets_in_with_its_key_and_not_without(client: Any, served: str) -> None:
    reply = client.chat.completions.create(model="auto", messages=CHAT)
    assert reply.choices[0].message.content in ("A or so", "B or so")
    stream = client.chat.completions.create(model="auto", messages=CHAT, stream=True)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in stream).endswith("or so")
    for name in ("models", "chat/completions", "completions", "select", "nowhere"):
        answer = httpx.request("GET" if name == "models" else "POST", f"{served}/{name}")
        assert answer.status_code == 401, name
    with pytest.raises(openai.AuthenticationError, match="not known here"):
        OpenAI(base_url=served, api_key="wrong").models.list()
    # Kubernetes asks the proxy itself, without a key.
    assert httpx.get(served.removesuffix("v1") + "-/healthz").text == "success"


def test_other_web_pages_and_endpoints_are_not_let_in(client: Any, served: str) -> None:
    page = {"origin": "https://elsewhere.example", "access-control-request-method": "POST"}
    answer = httpx.options(f"{served}/select", headers=page)
    assert answer.status_code == 401
    assert "access-control-allow-origin" not in answer.headers
    with pytest.raises(openai.NotFoundError):
        client.embeddings.create(model="says-a", input="x")


def test_the_page_needs_no_key_and_what_it_shows_does(
    served: str, alice: tuple[str, str], client: Any
) -> None:
    root = served.removesuffix("v1")
    for path in ("", "page.css", "page.js"):
        assert httpx.get(root + path).status_code == 200
    assert httpx.get(f"{served}/live").status_code == 401
    headers = {"authorization": f"Bearer {alice[0]}"}
    before = httpx.get(f"{served}/live", headers=headers).json()
    client.chat.completions.create(model="auto", messages=CHAT)
    live = httpx.get(f"{served}/live", headers=headers).json()
    assert live["answered"] == before["answered"] + 1
    assert live["since"] == before["since"] < time.time()
    assert set(live["candidates"]) == {"says-a", "says-b", "down"}
    body = {"instructions": [CHAT, "Hi"], "tasks": 1}
    chosen = httpx.post(f"{served}/select", json=body, headers=headers).json()["data"]
    assert [len(choice["tasks"]) for choice in chosen] == [1, 1]
    assert chosen[0]["tasks"][0]["task"] in ("subject 0", "subject 1")
    plain = httpx.post(f"{served}/select", json={"prompt": "Hi"}, headers=headers).json()
    assert "tasks" not in plain["data"][0]


def test_the_page_in_a_browser(served: str, alice: tuple[str, str], browser: Browser) -> None:
    """Somebody types a key and an instruction, and sees scores, the choice and its answer."""
    browser.open(served.removesuffix("v1"))
    browser.wait(lambda: "an API key is needed" in browser.text("#status"))
    assert browser.label("#instruction") == "Instruction"
    assert browser.label("#key").startswith("API key")
    browser.type("#key", alice[0])
    browser.type("#instruction", "<b>Which</b> of you?")
    browser.script(WATCH)
    browser.click("button[type=submit]")
    browser.wait(lambda: browser.text("#status") == "Done.")
    assert browser.script("return seen.slice(0, 2)") == ["scores", "answer"]
    answer = browser.text("#answer")
    assert answer in ("A or so", "B or so")
    chosen = browser.text("#scores .chosen th")
    assert chosen == f"says-{answer[0].lower()}"
    assert browser.text("#choice") == f"{chosen} answers: policy 'best-quality' chose it."
    assert browser.count("#scores meter") == 2
    assert browser.label("#scores .chosen meter") == f"score of {chosen}"
    assert browser.count("#tasks tbody tr") == 2
    assert browser.count("#candidates details") == 3
    browser.wait(lambda: browser.count("#live tbody tr") == 3)
    assert alice[0] not in browser.script("return document.documentElement.outerHTML")
    assert browser.script("return localStorage.length + sessionStorage.length") == 0


def test_a_large_body_is_refused_while_it_is_sent(served: str, alice: tuple[str, str]) -> None:
    """Chunk after chunk without a length; the answer comes before the last one is sent."""
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    head = f"POST /v1/select HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {alice[0]}\r\n"
    with socket.create_connection(("127.0.0.1", PORT), timeout=30) as sending:
        sending.sendall(f"{head}transfer-encoding: chunked\r\n\r\n".encode())
        for _ in range(17):
            sending.sendall(chunk)
        assert sending.recv(4096).startswith(b"HTTP/1.1 413 ")


def logs() -> dict[Path, str]:
    """All that Ray has logged in this session."""
    context = ray.get_runtime_context()
    folder = Path(context.get_temp_dir()) / context.get_session_name() / "logs"
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {path: path.read_text(errors="replace") for path in paths}


def test_no_key_and_no_prompt_is_logged(client: Any, served: str, alice: tuple[str, str]) -> None:
    marked = [
        {"model": "auto", "messages": CHAT},
        {"model": "says-a", "messages": CHAT},
        {"model": "auto", "messages": CHAT, "stream": True},
        {"model": "nobody", "messages": CHAT},
        {"model": "down", "messages": CHAT},
        {"model": "down", "messages": CHAT, "stream": True},
        {"model": "auto", "messages": PROMPT},
        {"model": "auto", "messages": [PROMPT]},
        {"model": "auto", "messages": [{"role": PROMPT, "content": 5}]},
        {"model": "says-a", "messages": [{"role": "user", "content": [PROMPT]}]},
        {"model": "auto", "messages": CHAT, "tools": [PROMPT], "top_logprobs": PROMPT},
        {"model": "auto", "messages": CHAT, "model_sat": {"candidates": [PROMPT]}},
        {"model": "auto", "prompt": PROMPT, "messages": 5},
        {"prompt": PROMPT, "model_sat": 5},
        {"messages": [{"role": "user", "text": PROMPT}]},
        {"instructions": [PROMPT, CHAT]},
    ]
    statuses = []
    for key in (alice[0], "wrong-key-77a0"):
        headers = {"authorization": f"Bearer {key}"}
        for path in ("chat/completions", "completions", "select"):
            for body in marked:
                answer = httpx.post(f"{served}/{path}", json=body, headers=headers, timeout=30)
                statuses.append(answer.status_code)
    assert {200, 400, 401, 404, 503} <= set(statuses) <= {200, 400, 401, 404, 503}
    time.sleep(2)  # what is logged last is on its way
    found = logs()
    told = "".join(found.values())
    for line in (
        "POST /v1/chat/completions 200",
        "POST /v1/chat/completions 400",
        " 401 ",
        " 503 ",
    ):
        assert line in told
    for mark in (PROMPT, alice[0], alice[1].split()[1], "wrong-key-77a0"):
        assert [path.name for path, text in found.items() if mark in text] == []
