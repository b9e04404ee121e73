"""Whatever is sent to the served application: an OpenAI-shaped 4xx or an answer, soon, and no 500.

2,000 bodies made by hypothesis, sent 25 at a time, and at least 300 requests that schemathesis
makes from the served OpenAPI description. No replica may have died of them.
"""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ray.util import list_named_actors

from actors.router.app import serving

pytestmark = pytest.mark.slow

PORT = 8302
AT_ONCE = 25
SECONDS = 30.0  # far more than any takes, on a machine with other work
ENDPOINTS = ("/v1/chat/completions", "/v1/completions", "/v1/select")

# Derandomized: a failure here is one that everybody gets.
MANY = settings(
    max_examples=40,
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
chats = st.lists(messages | values, max_size=4) | values
policies = st.fixed_dictionaries(
    {"kind": st.sampled_from(["best-quality", "value", "cheapest-above"]) | scalars},
    optional={"weight": scalars, "threshold": scalars},
)
wishes = values | st.fixed_dictionaries(
    {}, optional={"candidates": st.lists(texts, max_size=3) | values, "policy": policies}
)
FURTHER = """
    n stream stream_options temperature top_p top_k max_tokens max_completion_tokens stop seed
    logprobs top_logprobs prompt_logprobs logit_bias tools tool_choice response_format user echo
    suffix best_of structured_outputs add_generation_prompt continue_final_message documents
    chat_template chat_template_kwargs priority request_id ignore_eos min_tokens
    include_stop_str_in_output truncate_prompt_tokens metadata reasoning_effort use_beam_search
    prompt_embeds cache_salt kv_transfer_params return_token_ids parallel_tool_calls
""".split()
bodies = st.fixed_dictionaries(
    {},
    optional={
        "model": st.sampled_from(["auto", "says-a", "says-b", "nobody"]) | scalars,
        "messages": chats | st.just([{"role": "user", "content": "Hi"}]),
        "prompt": texts | st.lists(texts | st.lists(st.integers()), max_size=3) | values,
        "instructions": st.lists(texts | chats, max_size=4) | values,
        "model_sat": wishes,
    },
).flatmap(
    lambda body: st.dictionaries(st.sampled_from(FURTHER), values, max_size=3).map(
        lambda further: body | further
    )
)


@st.composite
def broken(draw: st.DrawFn) -> bytes:
    """JSON with bytes taken out, or put in."""
    whole = json.dumps(draw(bodies | values)).encode()
    at = draw(st.integers(0, len(whole)))
    return whole[:at] + draw(st.binary(max_size=4)) + whole[at + draw(st.integers(0, 8)) :]


contents = bodies.map(json.dumps).map(str.encode) | values.map(json.dumps).map(str.encode)
posts = st.tuples(st.sampled_from(ENDPOINTS), contents | broken())


@pytest.fixture(scope="module")
def served(ray_cluster: None, make_stand_ins: Any) -> Iterator[str]:
    with serving(make_stand_ins(PORT, allow_policies=["value", "cheapest-above"])) as url:
        before = replicas()
        yield url.removesuffix("/v1")
        assert replicas() == before  # none died, so none was replaced


def replicas() -> set[str]:
    named = list_named_actors(all_namespaces=True)
    found = {actor["name"] for actor in named if actor["name"].startswith("SERVE_REPLICA")}
    assert len(found) == 5
    return found


def check(answer: Any) -> None:
    """An answer, or a refusal that OpenAI's clients understand."""
    asked = answer.request.content[:500]
    assert answer.status_code < 500, (asked, answer.text)
    if answer.status_code >= 400:
        error = answer.json()["error"]
        assert isinstance(error["message"], str), asked
        assert isinstance(error["type"], str), asked
        assert error["code"], asked
    elif answer.headers["content-type"].startswith("text/event-stream"):
        assert answer.text.endswith("data: [DONE]\n\n"), asked
    else:
        assert answer.json(), asked


async def post_all(url: str, made: list[tuple[str, bytes]]) -> list[Any]:
    headers = {"content-type": "application/json"}
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=SECONDS) as client:
        return await asyncio.gather(*(client.post(path, content=sent) for path, sent in made))


@MANY
@given(made=st.lists(posts, min_size=AT_ONCE, max_size=AT_ONCE))
def test_bodies_of_any_kind(served: str, made: list[tuple[str, bytes]]) -> None:
    for answer in asyncio.run(post_all(served, made)):
        check(answer)


@MANY
@given(made=st.lists(st.tuples(st.sampled_from(ENDPOINTS), bodies), min_size=25, max_size=25))
def test_bodies_that_are_nearly_right(served: str, made: list[tuple[str, Any]]) -> None:
    """As above, but each has what its endpoint needs, so that more is read of the rest."""
    needed = {
        "/v1/chat/completions": {"model": "auto", "messages": [{"role": "user", "content": "Hi"}]},
        "/v1/completions": {"model": "auto", "prompt": "Hi"},
        "/v1/select": {"prompt": "Hi"},
    }
    sent = [(path, json.dumps({**body, **needed[path]}).encode()) for path, body in made]
    for answer in asyncio.run(post_all(served, sent)):
        check(answer)


@pytest.mark.parametrize("path", ENDPOINTS)
@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode))
def test_what_the_description_lets_expect(
    served: str, path: str, mode: schemathesis.GenerationMode
) -> None:
    _by_description(served, path, "POST", mode, 40)


@pytest.mark.parametrize("path", ["/v1/models", "/v1/models/{model}"])
def test_models_by_description(served: str, path: str) -> None:
    _by_description(served, path, "GET", schemathesis.GenerationMode.POSITIVE, 30)


def _by_description(served: str, path: str, method: str, mode: Any, examples: int) -> None:
    schema = schemathesis.openapi.from_url(f"{served}/openapi.json")
    cases = schema[path][method].as_strategy(generation_mode=mode)

    @settings(MANY, max_examples=examples)
    @given(case=cases)
    def ask(case: schemathesis.Case) -> None:
        arguments = case.as_transport_kwargs(base_url=served)
        with httpx.Client(timeout=SECONDS) as client:
            check(client.request(**_of_httpx(arguments)))

    ask()


def _of_httpx(arguments: dict[str, Any]) -> dict[str, Any]:
    known = ("method", "url", "headers", "json", "params", "cookies")
    return {key: arguments[key] for key in known if arguments.get(key) is not None}


@pytest.mark.parametrize("path", ENDPOINTS)
def test_prompts_of_100000_tokens_and_bodies_too_large(served: str, path: str) -> None:
    for model, prompt, status in (
        ("auto", "word " * 100_000, 200),
        ("says-a", "word " * 100_000, 200),
        ("auto", "\0" * 100_000, 200),
        ("auto", "x" * 9 * 2**20, 413),
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
