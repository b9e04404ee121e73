"""Stand-in and remote candidates behind Ray's OpenAI application, asked by the openai client."""

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import openai
import pytest

from actors.candidate.online import llm_config
from cluster.store import Store
from cluster.zoo import Candidate

CHAT: Any = [{"role": "user", "content": "Say it, please"}]


def remote(id: str, url: str, model: str) -> Candidate:
    engine = {"kind": "remote", "url": url, "model": model}
    return Candidate.model_validate({"id": id, "engine": engine})


@pytest.fixture(scope="module")
def client(
    ray_cluster: None, port: int, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[openai.OpenAI]:
    """Serves a stand-in, and a remote that points at the application's own address."""
    from ray import serve
    from ray.serve.llm import build_openai_app

    url = f"http://127.0.0.1:{port}/v1"
    stand_in = {"id": "stand-in-1.0", "engine": {"kind": "stand-in", "reply": "B it is"}}
    candidates = [
        Candidate.model_validate(stand_in),
        remote("mirror", url, "stand-in-1.0"),
    ]
    store = Store(str(tmp_path_factory.mktemp("store")))
    serve.start(http_options={"host": "127.0.0.1", "port": port})
    serve.run(build_openai_app({"llm_configs": [llm_config(one, store) for one in candidates]}))
    yield openai.OpenAI(base_url=url, api_key="none", max_retries=0)
    serve.shutdown()


@pytest.mark.slow
@pytest.mark.parametrize("model", ["stand-in-1.0", "mirror"])
def test_plain_chat(client: openai.OpenAI, model: str) -> None:
    reply = client.chat.completions.create(model=model, messages=CHAT, max_tokens=5)
    assert reply.model == model
    assert reply.choices[0].message.content == "B it is"
    assert reply.choices[0].finish_reason == "stop"
    assert reply.usage is not None
    assert (reply.usage.prompt_tokens, reply.usage.completion_tokens) == (3, 3)


@pytest.mark.slow
@pytest.mark.parametrize("model", ["stand-in-1.0", "mirror"])
def test_streamed_chat(client: openai.OpenAI, model: str) -> None:
    stream = client.chat.completions.create(
        model=model, messages=CHAT, stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    assert {chunk.model for chunk in chunks} == {model}
    words = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices]
    assert words == ["B ", "it ", "is"]
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 3


@pytest.mark.slow
@pytest.mark.parametrize("model", ["stand-in-1.0", "mirror"])
def test_completions(client: openai.OpenAI, model: str) -> None:
    reply = client.completions.create(model=model, prompt="Say it", max_tokens=5)
    assert reply.choices[0].text == "B it is"
    stream = client.completions.create(model=model, prompt="Say it", stream=True)
    assert "".join(chunk.choices[0].text for chunk in stream) == "B it is"


def answers(url: str, *, stream: bool = False, seconds: float = 20) -> list[Any]:
    """What a RemoteServer yields for a chat, without Serve around it."""
    from ray.serve.llm.openai_api_models import ChatCompletionRequest

    from actors.candidate.servers import RemoteServer

    class Patient(RemoteServer):
        answer_seconds = seconds

    async def ask() -> list[Any]:
        server = Patient.__new__(Patient)
        # The constructor is a coroutine, which Serve awaits.
        await Patient.__init__(server, llm_config(remote("far", url, "theirs"), Store("unused")))
        request = ChatCompletionRequest(model="far", messages=CHAT, stream=stream)
        return [part async for part in server.chat(request)]

    return asyncio.run(ask())


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
    assert reply.model == "far"
    assert reply.choices[0].message.content == "B"
    assert script["asked"] == {"model": "theirs", "messages": CHAT, "stream": False}
    assert script["key"] is None


@pytest.mark.parametrize("stream", [False, True])
def test_errors_keep_the_status_of_the_endpoint(endpoint: Endpoint, stream: bool) -> None:
    url, script = endpoint
    script.update(status=429, body=json.dumps({"error": {"message": "slow down"}}))
    (failed,) = answers(url, stream=stream)
    assert (failed.error.code, failed.error.message) == (429, "slow down")


def test_a_body_of_another_format_is_a_bad_gateway(endpoint: Endpoint) -> None:
    url, script = endpoint
    script["body"] = "<html>"
    (failed,) = answers(url)
    assert failed.error.code == 502
    assert "OpenAI's format" in failed.error.message


def test_a_stream_that_breaks_ends_with_an_error_event(endpoint: Endpoint) -> None:
    url, script = endpoint
    script["body"] = 'data: {"model": "theirs", "choices": []}\n\ndata: {broken\n\n'
    first, failed = answers(url, stream=True)
    assert json.loads(first.removeprefix("data: "))["model"] == "far"
    assert json.loads(failed.removeprefix("data: "))["error"]["code"] == 502


def test_an_endpoint_out_of_reach_is_a_bad_gateway() -> None:
    (failed,) = answers("http://127.0.0.1:9/v1")
    assert failed.error.code == 502
    assert "ConnectError" in failed.error.message


def test_a_silent_endpoint_is_a_gateway_timeout(endpoint: Endpoint) -> None:
    url, script = endpoint
    script["seconds"] = 1.0
    (failed,) = answers(url, seconds=0.2)
    assert failed.error.code == 504
    assert "in time" in failed.error.message


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
    assert config.engine_kwargs == {"dtype": "float32", "kv_cache_memory_bytes": 1 << 30}
    assert config.deployment_config["autoscaling_config"]["max_replicas"] == 3


def test_a_vllm_candidate_on_gpus_spans_them(tmp_path: Any) -> None:
    engine = {"kind": "vllm", "source": "meta-llama/Llama-3.1-8B-Instruct"}
    resources = {"cpus": 4, "gpus": 2, "accelerator_type": "H100"}
    candidate = Candidate.model_validate({"id": "x", "engine": engine, "resources": resources})
    config = llm_config(candidate, Store(str(tmp_path)))
    assert config.accelerator_config.kind == "gpu"
    assert config.engine_kwargs == {"tensor_parallel_size": 2}
    assert config.placement_group_config == {"bundles": [{"CPU": 4.0, "GPU": 1}, {"GPU": 1}]}
    assert config.model_loading_config.model_source == "meta-llama/Llama-3.1-8B-Instruct"
