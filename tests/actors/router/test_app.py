"""The served application: stand-in candidates for the quick checks, then real vLLM engines."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from openai import OpenAI
from pydantic import SecretStr

from actors.router.app import serving
from cluster.errors import SettingsError, StoreError
from cluster.settings import Settings

STAND_INS = """
name: stand-ins
candidates:
  - id: says-a
    engine: {kind: stand-in, reply: A or so}
    resources: {cpus: 0.1}
    price: {input: 1}
  - id: says-b
    engine: {kind: stand-in, reply: B or so}
    resources: {cpus: 0.1}
    price: {}
  - id: mirror
    engine: {kind: remote, url: "http://127.0.0.1:8123/v1", model: says-b}
    resources: {cpus: 0.1}
"""
CHAT = [{"role": "user", "content": "What is 2 + 2?"}]


@pytest.fixture(scope="module")
def stand_ins(
    tmp_path_factory: pytest.TempPathFactory,
    tiny_sources: Any,
    make_card: Any,
    put_selector: Any,
) -> Settings:
    folder = tmp_path_factory.mktemp("router")
    (folder / "zoo.yaml").write_text(STAND_INS)
    settings = Settings.model_validate(
        {
            "store": str(folder / "store"),
            "zoo": str(folder / "zoo.yaml"),
            "selector": tiny_sources(),
            "router": {
                "port": 8123,
                "candidates": ["says-a", "says-b"],
                "allow_policies": ["cheapest-above"],
            },
        }
    )
    put_selector(settings, [make_card("says-a", [0.9, 0.1]), make_card("says-b", [0.1, 0.9])])
    return settings


@pytest.fixture(scope="module")
def served(ray_cluster: None, stand_ins: Settings) -> Iterator[str]:
    with serving(stand_ins) as url:
        yield url


@pytest.fixture
def client(served: str) -> Any:  # extra fields of replies are outside OpenAI's types
    return OpenAI(base_url=served, api_key="none", max_retries=0)


def check_choice(choice: dict[str, Any], answered: str, reply: str) -> None:
    assert choice["candidate"] == answered == max(choice["scores"], key=choice["scores"].get)
    assert set(choice["scores"]) == {"says-a", "says-b"}
    assert (choice["policy"], choice["score"]) == ("best-quality", choice["scores"][answered])
    assert reply == {"says-a": "A or so", "says-b": "B or so"}[answered]


def test_auto_answers_a_chat(client: Any) -> None:
    raw = client.chat.completions.with_raw_response.create(model="auto", messages=CHAT)
    reply = raw.parse()
    choice = reply.model_extra["model_sat"]
    check_choice(choice, reply.model, reply.choices[0].message.content)
    assert raw.headers["x-model-sat-candidate"] == reply.model
    assert json.loads(raw.headers["x-model-sat-scores"]) == choice["scores"]


def test_auto_streams_a_chat(client: Any) -> None:
    chunks = list(client.chat.completions.create(model="auto", messages=CHAT, stream=True))
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    check_choice(chunks[0].model_extra["model_sat"], chunks[0].model, text)
    assert all("model_sat" not in (chunk.model_extra or {}) for chunk in chunks[1:])


def test_auto_completes_a_prompt(client: Any) -> None:
    reply = client.completions.create(model="auto", prompt="Two and two is")
    check_choice(reply.model_extra["model_sat"], reply.model, reply.choices[0].text)


def test_a_candidates_id_goes_straight_to_it(client: Any) -> None:
    for id, text in (("says-a", "A or so"), ("says-b", "B or so"), ("mirror", "B or so")):
        reply = client.chat.completions.create(model=id, messages=CHAT, max_tokens=5)
        assert (reply.model, reply.choices[0].message.content) == (id, text)
        assert (reply.usage.prompt_tokens, reply.usage.completion_tokens) == (5, 3)
        assert "model_sat" not in reply.model_extra
        assert client.completions.create(model=id, prompt="Say it").choices[0].text == text


@pytest.mark.parametrize("id", ["says-b", "mirror"])
def test_a_candidates_id_streams(client: Any, id: str) -> None:
    stream = client.chat.completions.create(
        model=id, messages=CHAT, stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    assert {chunk.model for chunk in chunks} == {id}
    words = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices]
    assert words == ["B ", "or ", "so"]
    assert chunks[-1].usage.completion_tokens == 3
    stream = client.completions.create(model=id, prompt="Say it", stream=True)
    assert "".join(chunk.choices[0].text for chunk in stream) == "B or so"


def test_langchains_client_works_unchanged(served: str) -> None:
    from langchain_openai import ChatOpenAI

    chat = ChatOpenAI(model="auto", base_url=served, api_key=SecretStr("none"))
    replies = {"says-a": "A or so", "says-b": "B or so"}
    reply = chat.invoke("What is 2 + 2?")
    assert reply.content == replies[reply.response_metadata["model_name"]]
    assert "".join(str(part.content) for part in chat.stream("What is 2 + 2?")) == reply.content
    weather = {"name": "weather", "description": "Tells it", "parameters": {"type": "object"}}
    told = chat.bind_tools([weather]).invoke("Rain?")
    assert told.content == replies[told.response_metadata["model_name"]]


LITELLM = """
import sys
import litellm

asked = {
    "model": "openai/auto",
    "api_base": sys.argv[1],
    "api_key": "none",
    "messages": [{"role": "user", "content": "What is 2 + 2?"}],
}
print(litellm.completion(**asked).choices[0].message.content)
parts = litellm.completion(stream=True, **asked)
print("".join(part.choices[0].delta.content or "" for part in parts))
"""


@pytest.mark.slow
def test_litellms_client_works_unchanged(served: str) -> None:
    """In an environment of its own: it wants an older ``openai`` than this one has."""
    uv = str(Path(sys.executable).parent / "uv")
    command = [uv, "run", "--quiet", "--isolated", "--no-project", "--with", "litellm>=1.90"]
    done = subprocess.run(
        [*command, "python", "-c", LITELLM, served],
        env=os.environ | {"LITELLM_LOCAL_MODEL_COST_MAP": "True"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    plain, streamed = done.stdout.splitlines()
    assert plain == streamed
    assert plain in ("A or so", "B or so")


def test_a_request_may_wish_within_what_is_allowed(client: Any) -> None:
    wish = {"policy": {"kind": "cheapest-above", "threshold": 0}}
    reply = client.chat.completions.create(
        model="auto", messages=CHAT, extra_body={"model_sat": wish}
    )
    assert (reply.model, reply.model_extra["model_sat"]["policy"]) == ("says-b", "cheapest-above")
    reply = client.completions.create(
        model="auto", prompt="Hi", extra_body={"model_sat": {"candidates": ["says-a"]}}
    )
    assert (reply.model, set(reply.model_extra["model_sat"]["scores"])) == ("says-a", {"says-a"})
    with pytest.raises(openai.BadRequestError, match="'value' may not be asked for"):
        client.completions.create(
            model="auto",
            prompt="Hi",
            extra_body={"model_sat": {"policy": {"kind": "value", "weight": 1}}},
        )


def test_select_chooses_as_auto_does_and_generates_nothing(client: Any, served: str) -> None:
    auto = client.chat.completions.create(model="auto", messages=CHAT).model_extra["model_sat"]
    one = httpx.post(f"{served}/select", json={"prompt": CHAT[0]["content"]}).json()
    assert one == {"object": "list", "data": [auto]}
    many = httpx.post(f"{served}/select", json={"instructions": [CHAT, "Hi", CHAT]}).json()
    assert [choice == auto for choice in many["data"]] == [True, False, True]
    near = httpx.post(f"{served}/select", json={"prompt": "Hi", "tasks": 2}).json()["data"][0]
    assert {task["task"] for task in near["tasks"]} == {"subject 0", "subject 1"}
    assert near["tasks"][0]["similarity"] >= near["tasks"][1]["similarity"]


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b"{}",
        b'{"prompt": ""}',
        b"\xff",
        b'{"prompt": 3}',
        b'{"prompt": NaN}',
        b'{"prompt": "\\ud800"}',
        b'{"messages": [{"role": "user", "content": "\\ud800"}]}',
        b'{"instructions": []}',
        b'{"instructions": ["x", {}]}',
        b'{"messages": [{"role": "user", "content": [{"type": "text"}]}]}',
        b'{"prompt": "x", "model_sat": {"candidates": ["nobody"]}}',
        b'{"prompt": "x", "model_sat": {"policy": {"kind": "value", "weight": 1}}}',
    ],
)
def test_a_bad_selection_gets_an_openai_error(served: str, body: bytes) -> None:
    answer = httpx.post(
        f"{served}/select", content=body, headers={"content-type": "application/json"}
    )
    assert answer.status_code == 400, answer.text
    assert set(answer.json()["error"]) == {"message", "type", "param", "code"}


def test_models_are_auto_and_all_candidates(client: Any) -> None:
    assert [model.id for model in client.models.list()] == ["auto", "says-a", "says-b", "mirror"]
    auto = client.models.retrieve("auto")
    assert auto.owned_by == "model-sat"
    assert auto.model_extra["metadata"]["candidates"] == ["says-a", "says-b"]
    card = client.models.retrieve("says-a").model_extra["metadata"]["capability"]
    assert [task["accuracy"] for task in card["tasks"]] == [0.9, 0.1]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"[]", 400),
        (b"\xff", 400),
        (b'{"model": "auto"}', 400),
        (b'{"model": "auto", "messages": []}', 400),
        (b'{"model": "auto", "messages": "hello"}', 400),
        (b'{"model": "auto", "messages": [{"role": "user", "content": [{"type": "text"}]}]}', 400),
        (b'{"model": "nobody", "messages": [{"role": "user", "content": "x"}]}', 404),
        (b'{"messages": [{"role": "user", "content": "x"}]}', 400),
        (b'{"model": "auto", "messages": [{"role": "user", "content": "x"}], "n": "many"}', 400),
        (b'{"model": "auto", "messages": [{"role": "user", "content": "x"}], "n": NaN}', 400),
    ],
)
def test_a_bad_request_gets_an_openai_error(served: str, body: bytes, status: int) -> None:
    answer = httpx.post(
        f"{served}/chat/completions", content=body, headers={"content-type": "application/json"}
    )
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert error["message"]
    assert {"message", "type", "code"} <= set(error)


def test_the_client_raises_its_own_errors(client: Any) -> None:
    with pytest.raises(openai.NotFoundError, match="nobody"):
        client.chat.completions.create(model="nobody", messages=CHAT)
    with pytest.raises(openai.BadRequestError, match="text"):
        client.completions.create(model="auto", prompt=[1, 2, 3])


def test_what_cannot_be_served_is_said_before_anything_starts(
    stand_ins: Settings, tmp_path: Path
) -> None:
    auto = tmp_path / "auto.yaml"
    auto.write_text(STAND_INS.replace("says-a", "auto"))
    with (
        pytest.raises(SettingsError, match="no candidate may be called 'auto'"),
        serving(stand_ins.model_copy(update={"zoo": str(auto)})),
    ):
        pass
    with (
        pytest.raises(StoreError, match="selectors/absent: no such folder"),
        serving(stand_ins.model_copy(update={"selector_name": "absent"})),
    ):
        pass
    more = tmp_path / "more.yaml"
    more.write_text(STAND_INS + "  - {id: says-c, engine: {kind: stand-in}, price: {}}")
    router = stand_ins.router.model_copy(update={"candidates": ("says-a", "says-b", "says-c")})
    with (
        pytest.raises(StoreError, match="no card of says-c; there are: says-a, says-b"),
        serving(stand_ins.model_copy(update={"zoo": str(more), "router": router})),
    ):
        pass
