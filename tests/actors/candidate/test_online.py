"""The server of a remote endpoint, without Serve around it; how vLLM candidates are deployed."""

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from ray.serve.llm.request_router import PrefixCacheAffinityRouter

from actors.candidate.online import llm_config
from actors.candidate.servers import RemoteServer
from cluster.store import Store
from cluster.zoo import Candidate, RemoteEngine

CHAT: Any = [{"role": "user", "content": "Say it, please"}]


def answers(
    url: str, *, stream: bool = False, seconds: float = 20, key_variable: str | None = None
) -> list[Any]:
    """What a RemoteServer yields for a chat."""

    class Patient(RemoteServer):
        answer_seconds = seconds

    async def ask() -> list[Any]:
        engine = RemoteEngine(kind="remote", url=url, model="theirs", key_variable=key_variable)
        server = Patient("far", engine)
        request = {"model": "far", "messages": CHAT, "stream": stream}
        return [part async for part in server.chat(json.dumps(request))]

    return asyncio.run(ask())


def event(content: str = "", index: int = 0, finish_reason: str | None = None) -> str:
    choice = {"index": index, "delta": {"content": content}, "finish_reason": finish_reason}
    return f"data: {json.dumps({'model': 'theirs', 'choices': [choice]}, ensure_ascii=False)}\n\n"


def read(event: str) -> Any:
    return json.loads(event.removeprefix("data: "))


@pytest.fixture
def endpoint() -> Iterator[tuple[str, dict[str, Any]]]:
    """A real HTTP server that answers as the dict says, and puts into it what it was asked."""
    script: dict[str, Any] = {"status": 200, "body": "", "seconds": 0.0}

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["content-length"])
            script["asked"] = json.loads(self.rfile.read(length))
            script["key"] = self.headers["authorization"]
            time.sleep(script["seconds"])
            self.send_response(script["status"])
            self.end_headers()
            self.wfile.write(script["body"].encode())

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1", script
    server.shutdown()
    server.server_close()
    thread.join()


Endpoint = tuple[str, dict[str, Any]]


def test_the_request_goes_on_unchanged_but_for_the_model(endpoint: Endpoint) -> None:
    url, script = endpoint
    script["body"] = json.dumps(
        {
            "id": "1",
            "object": "chat.completion",
            "created": 1,
            "model": "theirs",
            "choices": [
                {
                    "index": 0,
                    "finish_reason": "stop",
                    "message": {"role": "assistant", "content": "B"},
                }
            ],
        }
    )
    (reply,) = answers(url)
    assert reply["model"] == "far"
    assert reply["choices"][0]["message"]["content"] == "B"
    assert script["asked"] == {"model": "theirs", "messages": CHAT, "stream": False}
    assert script["key"] is None


@pytest.mark.parametrize("stream", [False, True])
def test_errors_keep_the_status_of_the_endpoint(endpoint: Endpoint, stream: bool) -> None:
    url, script = endpoint
    script.update(status=429, body=json.dumps({"error": {"message": "slow down"}}))
    (failed,) = answers(url, stream=stream)
    assert (failed["error"]["code"], failed["error"]["message"]) == (429, "slow down")


def test_a_body_of_another_format_is_a_bad_gateway(endpoint: Endpoint) -> None:
    url, script = endpoint
    script["body"] = "<html>"
    (failed,) = answers(url)
    assert failed["error"]["code"] == 502
    assert "OpenAI's format" in failed["error"]["message"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_streams_text_may_hold_what_ends_lines_elsewhere(endpoint: Endpoint, end: str) -> None:
    url, script = endpoint
    said = "one\u2028two\u0085three"
    script["body"] = (event(said) + event() + "data: [DONE]\n\n").replace("\n", end)
    first, _, done = answers(url, stream=True)
    assert read(first)["model"] == "far"
    assert read(first)["choices"][0]["delta"]["content"] == said
    assert done == "data: [DONE]\n\n"


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        ("<html>", 502, "the stream ended before an answer did"),
        ("", 502, "the stream ended before an answer did"),
        ("data: [DONE]\n\n", 502, "the stream ended before an answer did"),
        ("data: {broken\n\n", 502, "OpenAI's format"),
        ('data: {"choices": [3]}\n\n', 502, "no list of JSON objects"),
        ('data: {"error": {"message": "slow down", "code": 429}}\n\n', 429, "slow down"),
        ('data: {"error": {"message": "full", "code": "overloaded"}}\n\n', 502, "full"),
        ('data: {"error": "out of memory"}\n\n', 502, "out of memory"),
    ],
)
def test_a_stream_that_does_not_begin_is_an_error(
    endpoint: Endpoint, body: str, code: int, message: str
) -> None:
    url, script = endpoint
    script["body"] = body
    (failed,) = answers(url, stream=True)
    assert failed["error"]["code"] == code
    assert message in failed["error"]["message"]


@pytest.mark.parametrize(
    "rest",
    [
        "data: {broken\n\n",
        'data: {"error": {"message": "out of memory"}}\n\n',
        "",
        event(index=1, finish_reason="stop"),
    ],
)
def test_a_stream_that_breaks_ends_with_an_error_event(endpoint: Endpoint, rest: str) -> None:
    url, script = endpoint
    script["body"] = event("so") + rest
    *_, failed = answers(url, stream=True)
    assert read(failed)["error"]["code"] == 502


@pytest.mark.parametrize("last", ["data: [DONE]\n\n", event(finish_reason="stop")])
def test_a_stream_is_whole_once_it_says_so(endpoint: Endpoint, last: str) -> None:
    url, script = endpoint
    script["body"] = event("so") + last
    assert "error" not in "".join(answers(url, stream=True))


def test_an_endpoint_out_of_reach_is_a_bad_gateway() -> None:
    (failed,) = answers("http://127.0.0.1:9/v1")
    assert failed["error"]["code"] == 502
    assert "ConnectError" in failed["error"]["message"]


def test_a_caller_is_told_neither_url_nor_key(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAT_KEY", "sesame\n")  # no header may hold that, and httpx shows it
    failures = answers(endpoint[0], key_variable="SAT_KEY") + answers("http://127.0.0.1:9/v1")
    told = [failed["error"]["message"] for failed in failures]
    assert [message.split(": ")[-1] for message in told] == ["LocalProtocolError", "ConnectError"]
    assert not any("127.0.0.1" in message or "sesame" in message for message in told)


def test_a_silent_endpoint_is_a_gateway_timeout(endpoint: Endpoint) -> None:
    url, script = endpoint
    script["seconds"] = 1.0
    (failed,) = answers(url, seconds=0.2)
    assert failed["error"]["code"] == 504
    assert "in time" in failed["error"]["message"]


def test_a_vllm_candidate_on_cpus_holds_the_cpus_it_asks_for(tmp_path: Any) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    engine = {"kind": "vllm", "source": str(folder), "args": {"dtype": "float32"}}
    resources = {"cpus": 2, "max_replicas": 3}
    candidate = Candidate.model_validate({"id": "x", "engine": engine, "resources": resources})
    config = llm_config(candidate, Store(str(tmp_path)))
    assert config.accelerator_config.kind == "cpu"
    assert config.placement_group_config == {"bundles": [{"CPU": 2.0}]}
    assert config.runtime_env["env_vars"]["OMP_NUM_THREADS"] == "2"
    assert config.runtime_env["env_vars"]["OMP_WAIT_POLICY"] == "PASSIVE"
    assert config.engine_kwargs == {"dtype": "float32", "kv_cache_memory_bytes": 1 << 30}
    assert config.deployment_config["autoscaling_config"]["max_replicas"] == 3
    routing = config.deployment_config["request_router_config"]
    assert routing["request_router_class"] is PrefixCacheAffinityRouter


def test_a_vllm_candidate_on_gpus_spans_them(tmp_path: Any) -> None:
    engine = {"kind": "vllm", "source": "meta-llama/Llama-3.1-8B-Instruct"}
    resources = {"cpus": 4, "gpus": 2, "accelerator_type": "H100"}
    candidate = Candidate.model_validate({"id": "x", "engine": engine, "resources": resources})
    config = llm_config(candidate, Store(str(tmp_path)))
    assert config.accelerator_config.kind == "gpu"
    assert config.engine_kwargs == {"tensor_parallel_size": 2}
    assert "request_router_config" not in config.deployment_config  # one replica has no choice
    assert config.placement_group_config == {"bundles": [{"CPU": 4.0, "GPU": 1}, {"GPU": 1}]}
    assert config.model_loading_config.model_source == "meta-llama/Llama-3.1-8B-Instruct"
