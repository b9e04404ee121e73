"""The engines for batches on a local Ray: what becomes of rows, failed ones among them."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from actors.candidate.batch import Tokenize, batch_engine
from actors.candidate.engine import Sampling
from actors.candidate.online import llm_config
from cluster.errors import SettingsError, StoreError
from cluster.store import Store
from cluster.zoo import Candidate, VllmEngine

SAMPLING = Sampling(max_tokens=8)


def user(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


def answers(candidate: Candidate, chats: list[Any], store: Store) -> list[dict[str, Any]]:
    """The rows that the candidate's engine gives back, in the order of the chats."""
    import ray

    rows = pa.table({"id": list(range(len(chats))), "messages": chats, "tag": ["x"] * len(chats)})
    blocks = [rows.slice(start, 2) for start in range(0, len(chats), 2)]
    engine = batch_engine(candidate, store, batch_size=2)
    answered = engine.answer(ray.data.from_arrow(blocks), SAMPLING)
    return sorted(answered.take_all(), key=lambda row: row["id"])


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path))


def test_sampling_names_only_what_is_set() -> None:
    assert Sampling(16).parameters() == {"max_tokens": 16, "temperature": 0.0}
    assert Sampling(16, seed=3).parameters()["seed"] == 3


def test_rows_keep_their_columns_and_gain_an_answer(ray_cluster: None, store: Store) -> None:
    engine = {"kind": "stand-in", "reply": "so be it"}
    candidate = Candidate.model_validate({"id": "x", "engine": engine})
    rows = answers(candidate, [user("one two"), user("three")], store)
    assert rows[0] == {
        "id": 0,
        "tag": "x",
        "output": "so be it",
        "prompt_tokens": 2,
        "completion_tokens": 3,
        "seconds": 0.0,
        "error": None,
    }
    assert rows[1]["prompt_tokens"] == 1


MALFORMED = {
    "a page": "<html>",
    "cut": '{"choices": [{"mess',
    "no object": "3",
    "no choices": '{"choices": []}',
    "no message": '{"choices": [{"message": null}]}',
    "no text": '{"choices": [{"message": {"content": [1]}}]}',
    "no number": '{"choices": [{"message": {}}], "usage": {"prompt_tokens": "many"}}',
}


def reply_to(body: dict[str, Any], key: str | None) -> tuple[int, Any]:
    """An endpoint that repeats the question, refuses 'bad', and wants a key."""
    text = body["messages"][-1]["content"]
    if text == "bad":
        return 400, {"error": {"message": "a bad question"}}
    if text in MALFORMED:
        return 200, MALFORMED[text]
    message = {"role": "assistant", "content": f"{text} {body['model']} {body['max_tokens']}"}
    usage = {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}
    return 200, {
        "id": "1",
        "object": "chat.completion",
        "created": 1,
        "model": (key == "Bearer sesame" and "open") or "closed",
        "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
        "usage": usage,
    }


@pytest.fixture
def endpoint() -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            status, answer = reply_to(body, self.headers["authorization"])
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.end_headers()
            self.wfile.write((answer if isinstance(answer, str) else json.dumps(answer)).encode())

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    server.server_close()
    thread.join()


def remote(url: str, **engine: Any) -> Candidate:
    values = {"kind": "remote", "url": url, "model": "theirs", **engine}
    return Candidate.model_validate({"id": "far", "engine": values})


def test_a_remote_endpoint_answers_and_refuses_row_by_row(
    ray_cluster: None, store: Store, endpoint: str
) -> None:
    rows = answers(remote(endpoint), [user("good"), user("bad"), user("better")], store)
    assert [row["output"] for row in rows] == ["good theirs 8", None, "better theirs 8"]
    assert [row["completion_tokens"] for row in rows] == [2, None, 2]
    assert [row["seconds"] is None for row in rows] == [False, True, False]
    assert "BadRequestError" in rows[1]["error"]
    assert "a bad question" in rows[1]["error"]
    assert all(row["tag"] == "x" for row in rows)


def test_a_malformed_answer_fails_its_own_row_only(
    ray_cluster: None, store: Store, endpoint: str
) -> None:
    rows = answers(remote(endpoint), [user(text) for text in ("good", *MALFORMED)], store)
    assert rows[0]["output"] == "good theirs 8"
    told = {text: row["error"] for text, row in zip(MALFORMED, rows[1:], strict=True)}
    assert all("the answer is not OpenAI's format" in error for error in told.values()), told
    assert "choices.0.message: " in told["no message"]


def test_a_missing_key_is_told_before_anything_runs(store: Store) -> None:
    with pytest.raises(SettingsError, match=r"variable 'NO_SUCH_KEY' must hold the API key"):
        batch_engine(remote("http://127.0.0.1:9/v1", key_variable="NO_SUCH_KEY"), store, 2)


def test_a_missing_model_is_told_before_anything_runs(store: Store) -> None:
    engine = {"kind": "vllm", "source": "store://models/nobody"}
    candidate = Candidate.model_validate({"id": "x", "engine": engine})
    with pytest.raises(StoreError, match="nobody"):
        batch_engine(candidate, store, 2)


def in_vllm(name: str, **args: Any) -> Candidate:
    arguments = {"dtype": "float32", "enforce_eager": True, "max_model_len": 64, **args}
    engine = {"kind": "vllm", "source": f"store://models/{name}", "args": arguments}
    return Candidate.model_validate({"id": name, "engine": engine, "resources": {"cpus": 2}})


@pytest.mark.slow
@pytest.mark.vllm
def test_a_base_model_in_vllm_and_rows_that_fail(ray_cluster: None, laptop_models: Store) -> None:
    chats = [
        user("What is the capital of France?"),
        user("word " * 100),
        user("What is the capital of Italy?"),
    ]
    good, long, other = answers(in_vllm("gemma-3-270m"), chats, laptop_models)
    assert "Paris" in good["output"]
    assert other["output"]
    # bos, once; 'Question: What is the capital of France?', two newlines, 'Answer:'
    assert good["prompt_tokens"] == 13
    assert good["completion_tokens"] <= 8
    assert good["seconds"] > 0
    assert good["error"] is None
    assert long["output"] is None
    assert long["prompt_tokens"] is None
    assert "64" in long["error"]
    assert all(row["tag"] == "x" for row in (good, long, other))


@pytest.mark.slow
def test_a_candidate_may_bring_its_own_chat_template(laptop_models: Store) -> None:
    from transformers import AutoTokenizer

    source = str(laptop_models.local_folder("models/smollm2-135m-instruct"))
    template = "{% for message in messages %}Q: {{ message.content }}{% endfor %} A:"
    rows = pa.table({"id": [1], "messages": [user("Which?")]})
    engine = VllmEngine(source=source, chat_template=template)
    (tokens,) = Tokenize(source, engine)(rows)["tokenized_prompt"].to_pylist()
    assert AutoTokenizer.from_pretrained(source).decode(tokens) == "Q: Which? A:"

    elsewhere = VllmEngine(source="a/b", args={"tokenizer": source}, chat_template=template)
    assert Tokenize("a/b", elsewhere)(rows)["tokenized_prompt"].to_pylist() == [tokens]

    candidate = Candidate(id="a", engine=engine)
    assert llm_config(candidate, laptop_models).engine_kwargs["chat_template"] == template
