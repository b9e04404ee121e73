"""The served application with real vLLM engines: a plain and a streaming chat through ``auto``."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from openai import OpenAI

from actors.examiner.card import CapabilityCard
from actors.router.app import serving
from cluster.settings import Settings, load_settings
from cluster.store import Store
from cluster.zoo import load_zoo

ROOT = Path(__file__).parents[3]

pytestmark = [pytest.mark.slow, pytest.mark.vllm]


@pytest.fixture(scope="module")
def served(
    ray_cluster: None,
    laptop_models: Store,
    put_selector: Callable[..., None],
    make_card: Callable[..., CapabilityCard],
) -> Iterator[str]:
    run = ROOT / "manifests/runs/laptop.yaml"
    zoo = ROOT / "manifests/zoos/laptop.yaml"
    settings: Settings = load_settings(
        run, [f"store={laptop_models.url}", f"zoo={zoo}", "router.port=8124"]
    )
    one, other = load_zoo(zoo).ids()
    put_selector(settings, [make_card(one, [0.3, 0.6]), make_card(other, [0.5, 0.2])])
    with serving(settings) as url:
        yield url


def question(text: str) -> dict[str, Any]:
    return {
        "messages": [{"role": "user", "content": text}],
        "max_tokens": 24,
        "temperature": 0,
    }


def test_auto_and_every_candidate_answer(served: str) -> None:
    client: Any = OpenAI(base_url=served, api_key="none", timeout=300)
    ids = ["smollm2-135m-instruct", "gemma-3-270m"]
    for id in ids:
        reply = client.chat.completions.create(
            model=id, **question("What is the capital of France?")
        )
        assert reply.model == id
        assert "Paris" in reply.choices[0].message.content

    plain = client.chat.completions.create(
        model="auto", **question("What is the capital of France?")
    )
    choice = plain.model_extra["model_sat"]
    assert plain.model == choice["candidate"] == max(choice["scores"], key=choice["scores"].get)
    assert set(choice["scores"]) == set(ids)
    assert "Paris" in plain.choices[0].message.content
    assert plain.usage.completion_tokens > 0

    chunks = list(
        client.chat.completions.create(
            model="auto", stream=True, **question("What is the capital of France?")
        )
    )
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert chunks[0].model_extra["model_sat"] == choice
    assert text == plain.choices[0].message.content
    assert len(chunks) > 3
