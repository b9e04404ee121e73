"""Whatever is sent to the served application: an OpenAI-shaped 4xx or an answer, soon, and no 500.

1,500 bodies made by hypothesis, sent 25 at a time, and some 300 requests that schemathesis makes
from the served OpenAPI description. No replica may have died of them.
"""

import asyncio
import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ray.util import list_named_actors

from actors.router.app import serving
from actors.router.records import read_feedback
from cluster.settings import Settings
from cluster.store import Store

pytestmark = pytest.mark.slow

PORT = 8302
AT_ONCE = 25
SECONDS = 30.0  # far more than any takes, on a machine with other work
PROMPTED = ("/v1/chat/completions", "/v1/completions", "/v1/select")
ENDPOINTS = (*PROMPTED, "/v1/feedback")

# Derandomized: a failure here is one that everybody gets.
MANY = settings(
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)

# Text of any characters: null, halves of characters, and what tokenizers hold to be theirs.
texts = st.text(st.characters(), max_size=20) | st.sampled_from(
    ["", "\0", "\ud800", "<|im_end|>", "auto", "says-a", "nobody", "x" * 5000, "0", "-1", "null"]
)
numbers = st.integers(-3, 3) | st.integers() | st.floats() | st.just(10**400)
scalars = st.none() | st.booleans() | numbers | texts
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)

parts = st.fixed_dictionaries(
    {"type": st.sampled_from(["text", "image_url", "file"]) | scalars},
    optional={"text": values, "image_url": values},
)
messages = st.fixed_dictionaries(
    {"role": st.sampled_from(["user", "assistant", "system", "tool"]) | scalars},
    optional={
        "content": texts | st.lists(parts | values, max_size=3) | values,
        "tool_calls": values,
        "tool_call_id": scalars,
        "name": scalars,
    },
)
hello = st.just([{"role": "user", "content": "Hi"}])
chats = hello | st.lists(messages, min_size=1, max_size=3) | st.lists(messages | values) | values
policies = st.fixed_dictionaries(
    {"kind": st.sampled_from(["best-quality", "value", "cheapest-above"]) | scalars},
    optional={"weight": scalars, "threshold": scalars},
)
wishes = values | st.fixed_dictionaries(
    {}, optional={"candidates": st.lists(texts, max_size=3) | values, "policy": policies}
)
FURTHER = [
    "n",
    "stream",
    "stream_options",
    "temperature",
    "top_p",
    "top_k",
    "max_tokens",
    "max_completion_tokens",
    "stop",
    "seed",
    "logprobs",
    "top_logprobs",
    "prompt_logprobs",
    "logit_bias",
    "tools",
    "tool_choice",
    "response_format",
    "user",
    "echo",
    "suffix",
    "best_of",
    "structured_outputs",
    "add_generation_prompt",
    "continue_final_message",
    "documents",
    "chat_template",
    "chat_template_kwargs",
    "priority",
    "request_id",
    "ignore_eos",
    "min_tokens",
    "include_stop_str_in_output",
    "truncate_prompt_tokens",
    "metadata",
    "reasoning_effort",
    "use_beam_search",
    "prompt_embeds",
    "cache_salt",
    "kv_transfer_params",
    "return_token_ids",
    "parallel_tool_calls",
]
names = st.sampled_from(["auto", "auto", "auto", "says-a", "nobody", "", None, 5])
prompts = texts | st.lists(texts | st.lists(st.integers(), max_size=3), max_size=3) | values
needed: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "/v1/chat/completions": st.fixed_dictionaries({"model": names, "messages": chats}),
    "/v1/completions": st.fixed_dictionaries({"model": names, "prompt": prompts}),
    "/v1/select": st.fixed_dictionaries({"prompt": prompts})
    | st.fixed_dictionaries({"messages": chats})
    | st.fixed_dictionaries({"instructions": st.lists(prompts | chats, max_size=4) | values}),
    "/v1/feedback": st.fixed_dictionaries(
        {"id": texts | values, "score": st.floats(0, 1) | values},
        optional={"comment": texts | values},
    ),
}
further = st.dictionaries(st.sampled_from(FURTHER), values, max_size=2)


@st.composite
def requests(draw: st.DrawFn) -> tuple[str, bytes]:
    """What an endpoint needs, or nearly, with a wish and further parameters now and then."""
    path = draw(st.sampled_from(ENDPOINTS))
    body = draw(needed[path])
    if draw(st.booleans()):
        body |= draw(further)
    if draw(st.booleans()):
        body["model_sat"] = draw(wishes)
    return path, json.dumps(body).encode()


@st.composite
def rubbish(draw: st.DrawFn) -> tuple[str, bytes]:
    """Any JSON, or a request with bytes taken out or put in."""
    path, whole = draw(requests())
    if draw(st.booleans()):
        return path, json.dumps(draw(values)).encode()
    at = draw(st.integers(0, len(whole)))
    return path, whole[:at] + draw(st.binary(max_size=4)) + whole[at + draw(st.integers(0, 8)) :]


@pytest.fixture(scope="module")
def running(make_stand_ins: Any) -> Settings:
    made: Settings = make_stand_ins(
        PORT,
        allow_policies=["value", "cheapest-above"],
        selector_in_ingress=True,
        journal={"flush_seconds": 0.5},
    )
    return made


@pytest.fixture(scope="module")
def served(ray_cluster: None, running: Settings) -> Iterator[str]:
    with serving(running) as url:
        before = replicas()
        yield url.removesuffix("/v1")
        assert replicas() == before  # none died, so none was replaced


def replicas() -> set[str]:
    named = list_named_actors(all_namespaces=True)
    found = {actor["name"] for actor in named if actor["name"].startswith("SERVE_REPLICA")}
    assert len(found) == 4  # three candidates and the ingress, which has the selector
    return found


def check(answer: httpx.Response) -> None:
    """An answer, or a refusal that OpenAI's clients understand."""
    kind = answer.headers["content-type"]
    check_parts(answer.status_code, kind, answer.text, answer.request.content)


def check_parts(status: int, kind: str, text: str, asked: Any) -> None:
    assert status < 500, (asked, text)
    if status >= 400:
        error = json.loads(text)["error"]
        assert error["message"], asked
        assert isinstance(error["message"], str), asked
        assert isinstance(error["type"], str), asked
        assert error["code"], asked
    elif kind.startswith("text/event-stream"):
        assert text.endswith("data: [DONE]\n\n"), asked
    else:
        assert json.loads(text), asked


async def post_all(url: str, made: list[tuple[str, bytes]]) -> list[httpx.Response]:
    headers = {"content-type": "application/json"}
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=SECONDS) as client:
        return await asyncio.gather(*(client.post(path, content=sent) for path, sent in made))


@settings(MANY, max_examples=40)
@given(made=st.lists(requests(), min_size=AT_ONCE, max_size=AT_ONCE))
def test_requests_that_are_nearly_right(served: str, made: list[tuple[str, bytes]]) -> None:
    for answer in asyncio.run(post_all(served, made)):
        check(answer)


@settings(MANY, max_examples=20)
@given(made=st.lists(rubbish(), min_size=AT_ONCE, max_size=AT_ONCE))
def test_bodies_of_any_kind(served: str, made: list[tuple[str, bytes]]) -> None:
    for answer in asyncio.run(post_all(served, made)):
        check(answer)


@pytest.mark.parametrize("path", ENDPOINTS)
@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode))
def test_what_the_description_lets_expect(
    served: str, path: str, mode: schemathesis.GenerationMode
) -> None:
    right = {"model": "auto", "messages": [{"role": "user", "content": "Hi"}], "prompt": "Hi"}
    answers = path.endswith("completions")
    _by_description(served, path, "POST", mode, right if answers else {})


@pytest.mark.parametrize("path", ["/v1/models", "/v1/models/{model}"])
def test_models_by_description(served: str, path: str) -> None:
    _by_description(served, path, "GET", schemathesis.GenerationMode.POSITIVE, {})


def _by_description(served: str, path: str, method: str, mode: Any, body: dict[str, Any]) -> None:
    """Sends what schemathesis makes, and where it is an object, that with ``body`` in it too."""
    schema = schemathesis.openapi.from_url(f"{served}/openapi.json")
    cases = schema[path][method].as_strategy(generation_mode=mode)

    @settings(MANY, max_examples=30)
    @given(case=cases)
    def ask(case: Any) -> None:
        send(case)
        if isinstance(case.body, dict):
            case.body |= body
            send(case)

    def send(case: Any) -> None:
        answer = case.call(base_url=served, timeout=SECONDS)
        kind = answer.headers["content-type"][0]
        check_parts(answer.status_code, kind, answer.text, answer.request.body)

    ask()


def test_feedback_of_any_kind_is_refused_or_kept(served: str, running: Settings) -> None:
    store, taken = Store(running.store), []

    @settings(MANY, max_examples=20)
    @given(made=st.lists(needed["/v1/feedback"], min_size=AT_ONCE, max_size=AT_ONCE))
    def give(made: list[dict[str, Any]]) -> None:
        marked = [{**body, "comment": f"ours {body.get('comment')}"} for body in made]
        sent = [("/v1/feedback", json.dumps(body).encode()) for body in marked]
        for answer, body in zip(asyncio.run(post_all(served, sent)), marked, strict=True):
            check(answer)
            if answer.is_success:
                taken.append((body["id"], float(body["score"]), body["comment"]))

    def kept() -> list[tuple[str, float, str]]:
        rows = read_feedback(store).to_pylist()
        found = [(row["response_id"], row["score"], row["comment"]) for row in rows]
        return sorted(row for row in found if (row[2] or "").startswith("ours "))

    give()
    assert taken
    until = time.monotonic() + SECONDS
    while len(kept()) < len(taken) and time.monotonic() < until:
        time.sleep(0.2)
    assert kept() == sorted(taken)


@pytest.mark.parametrize("path", PROMPTED)
def test_prompts_of_100000_tokens_and_bodies_too_large(served: str, path: str) -> None:
    for model, prompt, status in (
        ("auto", "word " * 100_000, 200),
        ("says-a", "word " * 100_000, 200),
        ("auto", "\0" * 100_000, 200),
        ("auto", "x" * 8 * 2**20, 413),
    ):
        body: dict[str, Any] = {"model": model, "prompt": prompt}
        if path.endswith("chat/completions"):
            body = {"model": model, "messages": [{"role": "user", "content": prompt}]}
        if path.endswith("select"):
            body = {"prompt": prompt}
        answer = httpx.post(f"{served}{path}", json=body, timeout=SECONDS)
        check(answer)
        assert answer.status_code == status


@pytest.mark.parametrize(
    "path",
    ["/v1/embeddings", "/v1/audio/transcriptions", "/v1/score", "/tokenize", "/detokenize", "/v2"],
)
def test_endpoints_that_there_are_not(served: str, path: str) -> None:
    for body in (b"", b"{", b'{"model": "says-a", "input": "x", "prompt": "x", "tokens": [1]}'):
        for method in ("GET", "POST", "PUT", "DELETE", "OPTIONS"):
            answer = httpx.request(method, f"{served}{path}", content=body, timeout=SECONDS)
            assert answer.status_code in (404, 405)
            check(answer)


@pytest.mark.parametrize("model", ["nobody", "%00", "%ff", "a:b", "..%2f..", "a/" * 500, "💥"])
def test_models_that_there_are_not(served: str, model: str) -> None:
    answer = httpx.get(f"{served}/v1/models/{model}", timeout=SECONDS)
    assert answer.status_code == 404
    check(answer)
