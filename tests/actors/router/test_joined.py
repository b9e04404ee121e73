"""A router that is started on a store that a candidate has joined before; stand-ins."""

from pathlib import Path
from typing import Any

import httpx
import pytest
from openai import OpenAI

from actors.examiner.aptitude import planned_test
from actors.router.app import serving
from actors.router.onboarding import onboard, remove
from cluster.errors import SettingsError
from cluster.roster import join
from cluster.settings import Settings
from cluster.store import Store
from cluster.zoo import load_zoo

pytestmark = pytest.mark.slow

ZOO = """
name: small
candidates:
  - id: first
    engine: {kind: stand-in, reply: said first}
    resources: {cpus: 0.1}
  - id: second
    engine: {kind: stand-in, reply: said second}
    resources: {cpus: 0.1}
"""
MORE = """  - id: joined
    engine: {kind: stand-in, reply: said joined}
    resources: {cpus: 0.1}
  - id: new
    engine: {kind: stand-in, reply: said new}
    resources: {cpus: 0.1}
"""


@pytest.fixture(scope="module")
def settings(
    tmp_path_factory: pytest.TempPathFactory,
    tiny_sources: Any,
    make_card: Any,
    put_fast_selector: Any,
) -> Settings:
    folder = tmp_path_factory.mktemp("joined")
    (folder / "zoo.yaml").write_text(ZOO)
    (folder / "more.yaml").write_text(ZOO + MORE)
    settings = Settings.model_validate(
        {
            "store": str(folder / "store"),
            "zoo": str(folder / "zoo.yaml"),
            "selector": {
                "kind": "item-response",
                "encoder": tiny_sources().encoder,
                "layers": [1],
                "dimensions": 2,
            },
            "exam": {"tasks": 2, "shots": 3},
            "router": {
                "port": 8127,
                "watch_seconds": 0.5,
                "escalation": {"candidate": "second", "floor": 0.01},
            },
        }
    )
    test = planned_test(settings.exam).hash
    cards = [
        make_card(id, [aptitude] * 2).model_copy(update={"test": test})
        for id, aptitude in (("first", 0.9), ("second", 0.5), ("joined", 0.4))
    ]
    put_fast_selector(settings, cards)
    return settings


def ask(url: str, model: str) -> Any:
    client = OpenAI(base_url=url, api_key="none", max_retries=0)
    return client.chat.completions.create(
        model=model, messages=[{"role": "user", "content": "Say it."}]
    )


def test_who_joined_is_started_with_the_router_and_others_may_join(
    ray_cluster: None, settings: Settings
) -> None:
    more = settings.model_copy(update={"zoo": str(Path(settings.zoo).parent / "more.yaml")})
    join(Store(settings.store), load_zoo(more.zoo).candidate("joined"))
    with serving(settings) as url:
        live = httpx.get(f"{url}/live").json()["candidates"]
        assert {id: told["down"] for id, told in live.items()} == {
            "first": None,
            "second": None,
            "joined": None,
        }
        assert ask(url, "joined").choices[0].message.content == "said joined"
        with pytest.raises(SettingsError, match=r"'second' answers what nobody else can"):
            remove(settings, "second")
        onboard(more, "new")
        choice = ask(url, "auto").model_extra["model_sat"]
        assert set(choice["scores"]) == {"first", "second", "joined", "new"}
