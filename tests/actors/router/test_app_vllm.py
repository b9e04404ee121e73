"""The router with real vLLM engines: it answers, one more joins, and one is killed."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import openai
import pyarrow.compute as pc
import pytest
import yaml
from openai import OpenAI

from actors.examiner.aptitude import planned_test
from actors.examiner.card import CapabilityCard
from actors.examiner.records import load_outcomes
from actors.router.app import serving
from actors.router.onboarding import onboard
from cluster.settings import Settings, load
from cluster.store import Store

ROOT = Path(__file__).parents[3]
FIRST, SECOND = "smollm2-135m-instruct", "gemma-3-270m"

pytestmark = [pytest.mark.slow, pytest.mark.vllm]


@pytest.fixture(scope="module")
def settings(
    tmp_path_factory: pytest.TempPathFactory,
    laptop_models: Store,
    tiny_sources: Any,
    put_fast_selector: Callable[..., None],
    make_card: Callable[..., CapabilityCard],
) -> Settings:
    """The laptop zoo's SmolLM2 alone, with a card; Gemma sits the test later."""
    laptop = yaml.safe_load((ROOT / "manifests/zoos/laptop.yaml").read_text())
    (first,) = [one for one in laptop["candidates"] if one["id"] == FIRST]
    folder = tmp_path_factory.mktemp("router")
    (folder / "store").mkdir()
    (folder / "store/models").symlink_to(laptop_models.path("models"))
    zoo = folder / "zoo.yaml"
    zoo.write_text(yaml.safe_dump({"name": "one", "candidates": [first]}))
    settings = load(
        Settings,
        ROOT / "manifests/runs/fast.yaml",
        [
            f"store={folder}/store",
            f"zoo={zoo}",
            f"selector.encoder={tiny_sources().encoder}",
            "selector.layers=[1]",
            "exam={tasks: 6, shots: 3}",
            "router={port: 8124, watch_seconds: 0.5}",
        ],
    )
    card = make_card(FIRST, [1.0, 1.0])
    put_fast_selector(
        settings, [card.model_copy(update={"test": planned_test(settings.exam).hash})]
    )
    return settings


@pytest.fixture(scope="module")
def client(ray_cluster: None, settings: Settings) -> Iterator[Any]:
    with serving(settings) as url:
        yield OpenAI(base_url=url, api_key="none", timeout=300, max_retries=0)


def question(text: str) -> dict[str, Any]:
    return {
        "messages": [{"role": "user", "content": text}],
        "max_tokens": 24,
        "temperature": 0,
    }


def test_auto_answers_plain_and_streaming(client: Any) -> None:
    asked = question("What is the capital of France?")
    plain = client.chat.completions.create(model="auto", **asked)
    choice = plain.model_extra["model_sat"]
    assert plain.model == choice["candidate"] == FIRST
    assert "Paris" in plain.choices[0].message.content
    assert plain.usage.completion_tokens > 0

    chunks = list(client.chat.completions.create(model="auto", stream=True, **asked))
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert chunks[0].model_extra["model_sat"] == choice
    assert text == plain.choices[0].message.content
    assert len(chunks) > 3

    counted = {"stream": True, "stream_options": {"include_usage": True}}
    *_, last = client.chat.completions.create(model="auto", **counted, **asked)
    assert last.usage.completion_tokens == plain.usage.completion_tokens


def test_what_is_too_long_for_the_engine_is_the_callers_mistake(client: Any) -> None:
    with pytest.raises(openai.BadRequestError, match="no candidate answered"):
        client.chat.completions.create(model="auto", **question("Paris and Rome. " * 2000))


@pytest.mark.timeout(1800)  # two engines start, one after the other
def test_one_more_joins_and_takes_over_when_the_other_is_killed(
    client: Any, settings: Settings, kill: Callable[[str], None]
) -> None:
    laptop = settings.model_copy(update={"zoo": str(ROOT / "manifests/zoos/laptop.yaml")})
    card = onboard(laptop, SECOND)
    assert card.model_id == SECOND
    assert [result.count for result in card.tasks] == [3] * 6
    outcomes = load_outcomes(Store(settings.store), card.test, [SECOND])
    assert outcomes.num_rows == 18
    assert len(set(outcomes["output"].to_pylist())) > 3, "a model's answers differ"
    assert all(outcomes["output"].to_pylist())
    assert pc.min(outcomes["prompt_tokens"]).as_py() > 20
    assert 1 <= pc.max(outcomes["completion_tokens"]).as_py() <= settings.exam.max_tokens

    asked = question("What is the capital of France?")
    direct = client.chat.completions.create(model=SECOND, **asked)
    assert (direct.model, "Paris" in direct.choices[0].message.content) == (SECOND, True)
    # This base model stops where its answer does, not at max_tokens.
    assert direct.choices[0].finish_reason == "stop"
    # As many as in a batch: the same template, and bos once.
    assert direct.usage.prompt_tokens == 13
    auto = client.chat.completions.create(model="auto", **asked)
    assert set(auto.model_extra["model_sat"]["scores"]) == {FIRST, SECOND}
    assert auto.model == FIRST  # whose card says that it knows everything

    kill(FIRST)
    reply = client.chat.completions.create(model="auto", **asked)
    assert reply.model == SECOND
    assert FIRST in reply.model_extra["model_sat"]["passed_over"]
    assert "Paris" in reply.choices[0].message.content
