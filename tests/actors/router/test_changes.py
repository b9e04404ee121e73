"""The served application while parts of it fail, join, leave and change; stand-in candidates.

The tests go on with one application, in their order: what a test kills, Serve starts again.
"""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from openai import OpenAI

from actors.candidate.online import start
from actors.examiner.aptitude import planned_test
from actors.router.app import serving
from actors.router.onboarding import onboard, remove, roll_selector
from actors.router.status import status
from cluster.errors import SettingsError, StoreError
from cluster.roster import join
from cluster.settings import Settings
from cluster.store import Store
from cluster.zoo import Candidate, load_zoo

pytestmark = pytest.mark.slow

ZOO = """
name: faulty
candidates:
  - id: gone
    engine: {kind: remote, url: "http://127.0.0.1:9", model: x}
    resources: {cpus: 0.1}
  - id: narrow
    engine: {kind: stand-in, reply: said narrow}
    resources: {cpus: 0.1}
    context_window: 40
  - id: best
    engine: {kind: stand-in, reply: said best}
    resources: {cpus: 0.1}
  - id: slow
    engine: {kind: stand-in, reply: one two three four five six seven eight, seconds: 8}
    resources: {cpus: 0.1}
"""
NEW = """  - id: new
    engine: {kind: stand-in, reply: said new}
    resources: {cpus: 0.1}
"""


def stand_in(id: str) -> Candidate:
    engine = {"kind": "stand-in", "reply": f"said {id}"}
    return Candidate.model_validate({"id": id, "engine": engine, "resources": {"cpus": 0.1}})


VETERAN = stand_in("veteran")  # joined before the router is started
LATE = stand_in("late")  # is entered while it serves, and does not run yet
LONG = "Say it. " * 60
APTITUDES = {"gone": 0.95, "narrow": 0.85, "best": 0.75, "slow": 0.2}


@pytest.fixture(scope="module")
def settings(
    tmp_path_factory: pytest.TempPathFactory,
    tiny_sources: Any,
    make_card: Any,
    put_fast_selector: Callable[..., None],
) -> Settings:
    folder = tmp_path_factory.mktemp("changes")
    (folder / "zoo.yaml").write_text(ZOO)
    settings = Settings.model_validate(
        {
            "store": str(folder / "store"),
            "zoo": str(folder / "zoo.yaml"),
            "selector": {
                "kind": "item-response",
                "encoder": tiny_sources().encoder,
                "layers": [1],
                "dimensions": 2,
                "precision": "float32",  # a graph of integers takes seconds to make
            },
            "exam": {"tasks": 2, "shots": 3},
            "router": {
                "port": 8125,
                "watch_seconds": 0.5,
                "selector_seconds": 60,  # nobody who waits for it is told by the clock
                "breaker": {"failures": 3, "seconds": 3600},
                "conversation_margin": 0.5,
                "escalation": {"candidate": "slow", "floor": 0.01},
            },
        }
    )
    test = planned_test(settings.exam).hash
    cards = [
        make_card(id, [aptitude] * 2).model_copy(update={"test": test})
        for id, aptitude in (APTITUDES | {"veteran": 0.1, "late": 0.1}).items()
    ]
    put_fast_selector(settings, cards)
    put_fast_selector(settings.model_copy(update={"selector_name": "newer"}), cards)
    join(Store(settings.store), VETERAN)
    return settings


@pytest.fixture(scope="module")
def client(ray_cluster: None, settings: Settings) -> Iterator[Any]:
    with serving(settings) as url:
        yield OpenAI(base_url=url, api_key="none", max_retries=0, timeout=120)


def ask(client: Any, prompt: str = "Say it.", **wish: Any) -> Any:
    return client.chat.completions.create(
        model="auto",
        messages=[{"role": "user", "content": prompt}],
        extra_body={"model_sat": wish},
    )


def chosen(reply: Any) -> dict[str, Any]:
    choice: dict[str, Any] = reply.model_extra["model_sat"]
    assert reply.model == choice["candidate"]
    return choice


@contextmanager
def asking(client: Any, prompt: str = "Say it.") -> Iterator[list[Any]]:
    """Keeps asking from four sides until the block ends; every answer, or error, is in the list."""
    replies: list[Any] = []
    stop = threading.Event()

    def go_on() -> None:
        while not stop.is_set():
            try:
                replies.append(ask(client, prompt))
            except openai.OpenAIError as error:
                replies.append(error)

    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(go_on) for _ in range(4)]
        try:
            yield replies
        finally:
            stop.set()
        for each in asked:
            each.result()


def wait_until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end, "it does not come true"
        time.sleep(0.2)


def lost(replies: list[Any]) -> list[Any]:
    return [reply for reply in replies if isinstance(reply, openai.OpenAIError)]


def test_all_are_up_once_it_serves_and_who_joined_before_too(client: Any) -> None:
    live = httpx.get(f"{client.base_url}live").json()["candidates"]
    assert {id: told["down"] for id, told in live.items()} == dict.fromkeys(
        [*APTITUDES, "veteran"], None
    )
    assert "veteran" in chosen(ask(client, candidates=["best", "veteran"]))["scores"]
    reply = client.completions.create(model="veteran", prompt="Hi")
    assert reply.choices[0].text == "said veteran"


def test_the_next_best_takes_over_from_a_dead_candidate(client: Any) -> None:
    reply = ask(client)
    choice = chosen(reply)
    assert (choice["candidate"], choice["why"]) == ("narrow", "fallback")
    assert reply.choices[0].message.content == "said narrow"
    assert choice["passed_over"]["gone"].startswith("502: ")
    for _ in range(5):  # three failures open the breaker
        choice = chosen(ask(client))
    assert "left out for now" in choice["passed_over"]["gone"]


def test_a_candidate_whose_window_is_too_small_is_not_asked(client: Any) -> None:
    choice = chosen(ask(client, LONG))
    assert choice["candidate"] == "best"
    assert choice["passed_over"]["narrow"] == "its context window has 40 tokens"


def test_status_says_who_runs(client: Any, settings: Settings) -> None:
    rows = {row.name: row for row in status(settings, load_zoo(settings.zoo))}
    assert rows.keys() == {*APTITUDES, "veteran", "selector", "ingress"}
    assert {(row.health, row.replicas(), row.wanted) for row in rows.values()} == {
        ("healthy", 1, 1)
    }
    assert rows["best"].placement == "0.1 CPU"
    assert rows["best"].card_written


def test_by_name_there_is_nobody_else(client: Any) -> None:
    with pytest.raises(openai.InternalServerError, match="gone: 502: ") as caught:
        client.completions.create(model="gone", prompt="Say it.")
    assert caught.value.type == "server_error"


def test_a_conversation_stays_with_its_candidate(client: Any) -> None:
    chat = [{"role": "user", "content": "Say it."}]
    wish = {"model_sat": {"candidates": ["best"]}}
    first = client.chat.completions.create(model="auto", messages=chat, extra_body=wish)
    more = [{"role": "assistant", "content": "said best"}, {"role": "user", "content": "More!"}]
    second = client.chat.completions.create(model="auto", messages=chat + more)
    assert (first.model, second.model, chosen(second)["why"]) == ("best", "best", "conversation")
    other = [{"role": "user", "content": "Say what?"}, *more]
    assert client.chat.completions.create(model="auto", messages=other).model == "narrow"
    told = client.chat.completions.create(
        model="auto", messages=other, extra_body={"model_sat": {"stay_with": "best"}}
    )
    assert (told.model, chosen(told)["why"]) == ("best", "conversation")


def test_no_request_is_lost_while_replicas_are_killed(
    client: Any, kill: Callable[[str], None]
) -> None:
    def one_without_selector() -> bool:
        return bool(lost(replies)) or None in {chosen(reply)["selector"] for reply in replies}

    with asking(client) as replies:
        time.sleep(2)
        kill("SelectorDeployment")
        wait_until(one_without_selector)  # before Serve has started another one
        kill("narrow")
        time.sleep(4)
    assert not lost(replies)
    assert "selector" in {chosen(reply)["selector"] for reply in replies}
    said = {(reply.model, reply.choices[0].message.content) for reply in replies}
    assert said <= {("narrow", "said narrow"), ("best", "said best")}


def test_a_stream_that_breaks_ends_with_an_error(client: Any, kill: Callable[[str], None]) -> None:
    stream = client.completions.create(model="slow", prompt="Count.", stream=True)
    events = iter(stream)
    assert next(events).choices[0].text == "one "
    kill("slow")
    with pytest.raises(openai.APIError, match="the answer broke off"):
        list(events)


def test_a_candidate_joins_and_leaves_while_others_answer(client: Any, settings: Settings) -> None:
    zoo = Path(settings.zoo).parent / "more.yaml"
    zoo.write_text(ZOO + NEW)
    more = settings.model_copy(update={"zoo": str(zoo)})
    with pytest.raises(SettingsError, match="zoo 'faulty' has no candidate 'nobody'"):
        onboard(more, "nobody")
    with pytest.raises(SettingsError, match="'best' is in service already"):
        onboard(more, "best")
    with asking(client) as replies:
        card = onboard(more, "new")
        assert sum(result.count for result in card.tasks) == 6  # it sat the test
        assert "new" in [model.id for model in client.models.list()]
        assert ask(client, candidates=["new"]).choices[0].message.content == "said new"
        assert client.completions.create(model="new", prompt="Hi").choices[0].text == "said new"
        assert "new" in chosen(ask(client))["scores"]
        remove(more, "new")
        with pytest.raises(openai.NotFoundError):
            client.completions.create(model="new", prompt="Hi")
    assert not lost(replies)
    assert replies
    with pytest.raises(SettingsError, match="'new' is not in service; in service: best, gone"):
        remove(more, "new")


def test_who_left_comes_back(client: Any, settings: Settings) -> None:
    remove(settings, "best")
    assert ask(client, LONG).model == "slow"
    onboard(settings, "best")
    assert ask(client, LONG).model == "best"


def test_who_answers_what_nobody_else_can_does_not_leave(client: Any, settings: Settings) -> None:
    with pytest.raises(SettingsError, match=r"'slow' answers what nobody else can"):
        remove(settings, "slow")
    assert client.completions.create(model="slow", prompt="Hi").model == "slow"


def test_who_is_entered_but_does_not_run_is_left_out_until_it_does(
    client: Any, settings: Settings
) -> None:
    store = Store(settings.store)
    join(store, LATE)
    time.sleep(4 * settings.router.watch_seconds)
    assert "late" not in [model.id for model in client.models.list()]
    assert "late" not in chosen(ask(client))["scores"]
    start(LATE, store)
    wait_until(lambda: "late" in [model.id for model in client.models.list()])
    assert client.completions.create(model="late", prompt="Hi").choices[0].text == "said late"


def test_another_selector_is_rolled_in_while_requests_are_answered(
    client: Any, settings: Settings
) -> None:
    assert chosen(ask(client))["selector"] == "selector"
    with pytest.raises(StoreError, match="selectors/absent: no such folder"):
        roll_selector(settings.model_copy(update={"selector_name": "absent"}))
    with asking(client) as replies:
        roll_selector(settings.model_copy(update={"selector_name": "newer"}))
        assert chosen(ask(client))["selector"] == "newer"
    assert not lost(replies)
    assert {chosen(reply)["selector"] for reply in replies} == {"selector", "newer"}
    with pytest.raises(SettingsError, match="'newer' chooses already; tune under another name"):
        roll_selector(settings.model_copy(update={"selector_name": "newer"}))
    Store(settings.store).delete("router/selector.json")
