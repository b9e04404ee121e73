"""What the router adds to a request, and how many selections it makes; candidates are stand-ins.

Real Serve, real HTTP, the real fast selector on all-MiniLM-L6-v2; candidates answer at once, so
that only the router is measured. Instructions are invented, and differ in every request.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from functools import cache
from pathlib import Path
from random import Random
from statistics import median, quantiles
from typing import Any

import httpx
import numpy as np
import yaml

from actors.candidate.packaged import prepare
from actors.examiner.outcomes import cards_from_outcomes
from actors.examiner.records import write_card
from actors.router.app import serving
from actors.selector.checkpoint import save
from actors.selector.item_response import pool_of
from actors.tuner.item_response import ItemResponseLearner
from cluster.settings import ItemResponseSettings, RaySettings, Settings
from cluster.store import Store
from jobs.bench import Figure, write_figures
from jobs.bench_item_response import outcomes
from jobs.ray_session import ray_session

ENCODER, CANDIDATES, PORT = "all-minilm-l6-v2", 5, 8222
CLIENTS, ROUNDS, SECONDS, PER_REQUEST = (1, 8, 32), 8, 4.0, 16
PLACES: dict[str, dict[str, Any]] = {
    "a deployment": {},
    "the ingress": {"selector_in_ingress": True},
}
Send = Callable[[httpx.AsyncClient, Random], Awaitable[None]]


def settings(router: dict[str, Any]) -> Settings:
    """A run whose store has the selector and the cards of the stand-ins."""
    folder = Path("build/bench-router").absolute()
    store = Store(str(folder / "store"))
    prepare(store, ENCODER)
    known = outcomes(CANDIDATES)
    cards = cards_from_outcomes(known, "bench")
    zoo = {
        "name": "stand-ins",
        "candidates": [
            {
                "id": card.model_id,
                "engine": {"kind": "stand-in", "reply": f"{card.model_id} says so"},
                "resources": {"cpus": 0.1},
            }
            for card in cards
        ],
    }
    (folder / "zoo.yaml").write_text(yaml.safe_dump(zoo))
    selector = ItemResponseSettings(encoder=f"store://models/{ENCODER}")
    tuned = ItemResponseLearner(pool_of(selector, store), selector).fit(known, cards)
    save(tuned, folder / "selector", {"test": "bench"})
    store.put_folder("selectors/selector", folder / "selector")
    for card in cards:
        write_card(store, card)
    return Settings.model_validate(
        {
            "store": store.url,
            "zoo": str(folder / "zoo.yaml"),
            "selector": selector,
            "router": router,
        }
    )


@cache
def words() -> list[str]:
    """Words of the bank's questions."""
    return " ".join(outcomes().prompts).split()


def instruction(random: Random) -> str:
    """Twelve words, as a short question has them."""
    return " ".join(random.choices(words(), k=12))


def chat(url: str, model: str) -> Send:
    """Asks for an answer."""

    async def send(client: httpx.AsyncClient, random: Random) -> None:
        messages = [{"role": "user", "content": instruction(random)}]
        body = {"model": model, "messages": messages}
        (await client.post(f"{url}/chat/completions", json=body)).raise_for_status()

    return send


def select(url: str, count: int) -> Send:
    """Asks for ``count`` choices."""

    async def send(client: httpx.AsyncClient, random: Random) -> None:
        body = {"instructions": [instruction(random) for _ in range(count)]}
        (await client.post(f"{url}/select", json=body)).raise_for_status()

    return send


async def load(send: Send, clients: int, seconds: float = SECONDS) -> list[float]:
    """Seconds of every request of some clients, each of which sends one after the other."""
    taken, end = [], time.perf_counter() + seconds

    async def one(seed: int, client: httpx.AsyncClient) -> None:
        random = Random(f"{seed} {end}")
        while (begun := time.perf_counter()) < end:
            await send(client, random)
            taken.append(time.perf_counter() - begun)

    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(limits=limits, timeout=60) as client:
        await asyncio.gather(*(one(seed, client) for seed in range(clients)))
    return taken


def added_latency(url: str, candidate: str, place: str) -> Iterator[Figure]:
    """Of ``auto`` against a candidate by name, in turns; ``place`` is where the selector runs."""
    models = (candidate, "auto")
    for clients in CLIENTS:
        rounds = [  # in turns, and the first one in turns: a machine that slows down favours none
            {model: percentiles(url, model, clients) for model in models[:: (-1) ** turn]}
            for turn in range(ROUNDS)
        ]
        for percent, bar in ((50, 1.5), (99, 2.0)):
            # Of each round for itself: one stall of this machine would be the p99 of them all.
            ratios = [
                found["auto"][percent - 1] / found[candidate][percent - 1] for found in rounds
            ]
            yield Figure(
                f"auto, selector in {place}, against a candidate by name, {clients} clients, "
                f"p{percent}, median of {ROUNDS} rounds",
                median(ratios),
                "ratio",
                at_most=bar,
            )
        name = f"a candidate by name, selector in {place}, {clients} clients, p50"
        yield Figure(name, median(found[candidate][49] for found in rounds), "seconds")


def percentiles(url: str, model: str, clients: int) -> list[float]:
    """The 1st to the 99th of the seconds that requests take."""
    return quantiles(asyncio.run(load(chat(url, model), clients)), n=100)


def selections(url: str, looked_up: float, place: str) -> Iterator[Figure]:
    """A second through /v1/select, against a plain loop's."""
    for count, bar in ((1, None), (PER_REQUEST, 3.0)):
        rates = [
            count * len(asyncio.run(load(select(url, count), 32))) / SECONDS for _ in range(ROUNDS)
        ]
        yield Figure(
            f"selections a second, selector in {place}, 32 clients, {count} in a request, against "
            "a plain kNN loop",
            median(rates) / looked_up,
            "ratio",
            at_least=bar,
        )


def plain_loop(store: Store) -> float:
    """Choices a second of a loop that embeds one text at a time and looks up its neighbours."""
    from sentence_transformers import SentenceTransformer
    from sklearn.neighbors import NearestNeighbors

    known = outcomes(CANDIDATES)
    encoder = SentenceTransformer(str(store.local_folder(f"models/{ENCODER}")), device="cpu")
    neighbours = NearestNeighbors(n_neighbors=20).fit(encoder.encode(known.prompts))
    random, count, end = Random(0), 0, time.perf_counter() + 2 * SECONDS
    while time.perf_counter() < end:
        (nearest,) = neighbours.kneighbors(
            encoder.encode([instruction(random)], show_progress_bar=False), return_distance=False
        )
        int(np.argmax(known.scores_NM[nearest].mean(0)))
        count += 1
    return count / (2 * SECONDS)


def measure() -> list[Figure]:
    """All figures, in one run."""
    runs = {place: settings({"port": PORT, **more}) for place, more in PLACES.items()}
    looked_up = plain_loop(Store(next(iter(runs.values())).store))  # has the machine to itself
    figures = [Figure("plain kNN loop", looked_up, "selections a second")]
    with ray_session(RaySettings(num_cpus=16)):
        for place, run in runs.items():
            with serving(run) as url:
                for model in ("candidate-00", "auto"):
                    asyncio.run(load(chat(url, model), 8))  # warm
                figures += added_latency(url, "candidate-00", place)
                figures += selections(url, looked_up, place)
    return figures


if __name__ == "__main__":
    write_figures(measure(), "python -m jobs.bench_router")
