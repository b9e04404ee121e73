"""What the router's tests share: stores with a selector and its cards, and answers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import ray
from ray.util import list_named_actors

from actors.examiner.card import CapabilityCard
from actors.examiner.outcomes import OutcomeMatrix, cards_from_outcomes
from actors.examiner.records import write_card
from actors.router.answered import Answered
from actors.router.rules import Choice
from actors.selector.checkpoint import save
from actors.selector.item_response import pool_of
from actors.selector.network import create
from actors.tuner.item_response import ItemResponseLearner
from cluster.settings import ItemResponseSettings, SelectorSettings, Settings
from cluster.store import Store

PutSelector = Callable[[Settings, Sequence[CapabilityCard]], None]
StandIns = Callable[..., Settings]
Kill = Callable[[str], None]

ZOO = """
name: stand-ins
candidates:
  - {id: says-a, engine: {kind: stand-in, reply: A or so}, price: {input: 1}}
  - {id: says-b, engine: {kind: stand-in, reply: B or so}, price: {}}
  - {id: down, engine: {kind: remote, url: "http://127.0.0.1:9/v1", model: none}}
"""


@pytest.fixture(scope="session")
def put_selector(tmp_path_factory: pytest.TempPathFactory) -> PutSelector:
    """Puts an untuned selector, and the cards of the candidates, into the settings' store."""

    def put(settings: Settings, cards: Sequence[CapabilityCard]) -> None:
        store = Store(settings.store)
        assert isinstance(settings.selector, SelectorSettings)
        folder: Path = tmp_path_factory.mktemp("selector") / "selector"
        save(create(settings.selector, store, seed=0), folder, {"test": cards[0].test})
        store.put_folder(f"selectors/{settings.selector_name}", folder)
        for card in cards:
            write_card(store, card)

    return put


@pytest.fixture(scope="session")
def make_handle() -> Callable[..., Any]:
    """Makes what is like a handle of Serve's: the replicas it knows, by id, and what it can call.

    No replicas: it has not heard yet.
    """

    def make(replicas: Mapping[str, Any] | None, **methods: Any) -> Any:
        chosen_from = None if replicas is None else SimpleNamespace(curr_replicas=replicas)
        router = SimpleNamespace(_asyncio_router=SimpleNamespace(_request_router=chosen_from))
        handle = SimpleNamespace(_router=router, **methods)
        handle.options = lambda **options: handle
        return handle

    return make


MakeAnswered = Callable[..., Answered]


@pytest.fixture(scope="session")
def make_answered() -> MakeAnswered:
    """Makes what came of a request that ``a`` answered, ``b`` being the other candidate."""

    def make(
        response_id: str = "r1", instruction: str = "What is 2 + 2?", **changes: Any
    ) -> Answered:
        of_choice = {field.name for field in fields(Choice)} & changes.keys()
        choice = Choice("a", 0.75, "best-quality", {"a": 0.75, "b": 0.25})
        choice = replace(choice, **{name: changes.pop(name) for name in of_choice})
        answered = Answered(response_id, instruction, choice, 0.004, 0.1, 0.5, 12, 30, 0.0001)
        return replace(answered, **changes)

    return make


@pytest.fixture(scope="session")
def put_fast_selector(tmp_path_factory: pytest.TempPathFactory) -> PutSelector:
    """As ``put_selector``, with one that likes candidates better the better their cards are."""

    def put(settings: Settings, cards: Sequence[CapabilityCard]) -> None:
        store = Store(settings.store)
        assert isinstance(settings.selector, ItemResponseSettings)
        known = invented_outcomes()
        learner = ItemResponseLearner(pool_of(settings.selector, store), settings.selector)
        folder: Path = tmp_path_factory.mktemp("selector") / "selector"
        test = cards[0].test
        save(learner.fit(known, cards_from_outcomes(known, test)), folder, {"test": test})
        store.put_folder(f"selectors/{settings.selector_name}", folder)
        for card in cards:
            write_card(store, card)

    return put


@pytest.fixture(scope="session")
def make_stand_ins(
    tmp_path_factory: pytest.TempPathFactory,
    tiny_sources: Any,
    make_card: Any,
    put_selector: PutSelector,
) -> StandIns:
    """Makes settings of a router over two candidates that answer at once, and one that is down."""

    def make(port: int, **router: Any) -> Settings:
        folder = tmp_path_factory.mktemp("stand-ins")
        (folder / "zoo.yaml").write_text(ZOO)
        ids = ["says-a", "says-b"]
        settings = Settings.model_validate(
            {
                "store": str(folder / "store"),
                "zoo": str(folder / "zoo.yaml"),
                "selector": tiny_sources(),
                "router": {"port": port, "candidates": ids, **router},
            }
        )
        put_selector(settings, [make_card(id, [0.9, 0.1]) for id in ids])
        return settings

    return make


@pytest.fixture(scope="session")
def kill() -> Kill:
    """Kills every replica of a deployment, as a crash would."""

    def killed(deployment: str) -> None:
        named = [
            actor
            for actor in list_named_actors(all_namespaces=True)
            if actor["name"].startswith("SERVE_REPLICA::") and deployment in actor["name"]
        ]
        assert named, f"no replica of {deployment} runs"
        for actor in named:
            ray.kill(ray.get_actor(actor["name"], namespace=actor["namespace"]))

    return killed


def invented_outcomes() -> OutcomeMatrix:
    """Outcomes of six candidates, of rising strength, in forty questions of two tasks."""
    draw = np.random.default_rng(0)
    prompts = [f"The model achieves accuracy {number}%" for number in range(40)]
    return OutcomeMatrix(
        question_ids=prompts,
        prompts=prompts,
        texts=prompts,
        datasets=["invented"] * 40,
        categories=["one", "other"] * 20,
        tasks=["one", "other"] * 20,
        candidates=[f"past-{number}" for number in range(6)],
        scores_NM=(draw.random((40, 6)) < np.linspace(0.2, 0.8, 6)).astype(np.float32),
    )
