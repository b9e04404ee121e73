"""Half an hour of load while replicas are killed: is a request lost, does memory grow?

Real Serve and HTTP, the real fast selector, stand-in candidates. Every minute a replica of a
candidate and one of the selector are killed, as crashes would. Requests differ in size, stream or
not, go to ``auto`` or to a candidate by name.
"""

import asyncio
import json
import sys
import time
from collections import Counter
from itertools import cycle
from random import Random
from typing import Any

import httpx
import psutil
import ray
from ray.util import list_named_actors

from actors.router.app import serving
from cluster.settings import RaySettings
from cluster.zoo import load_zoo
from jobs.bench import Figure, write_figures
from jobs.bench_router import settings, words
from jobs.ray_session import ray_session

MINUTES, PER_SECOND, KILL_SECONDS = 30.0, 12.0, 60.0
WARM = 0.2  # share of the time before memory is first looked at
SIZES = (5, 20, 100, 1000)  # words of an instruction


def body(number: int, random: Random, ids: list[str]) -> dict[str, Any]:
    """A request: every third a stream, every tenth to a candidate by name."""
    text = " ".join(random.choices(words(), k=random.choice(SIZES)))
    return {
        "model": random.choice(ids) if number % 10 == 0 else "auto",
        "messages": [{"role": "user", "content": text}],
        "stream": number % 3 == 0,
    }


async def outcome(client: httpx.AsyncClient, url: str, asked: dict[str, Any]) -> str:
    """``answered``, or what went wrong."""
    try:
        reply = await client.post(f"{url}/chat/completions", json=asked)
    except httpx.HTTPError as error:
        return f"lost: {type(error).__name__}"
    if reply.status_code != httpx.codes.OK:
        return f"lost: {reply.status_code} {reply.text[:200]}"
    if not asked["stream"]:
        answer = reply.json()
        said, model = answer["choices"][0]["message"]["content"], answer["model"]
    else:
        *events, done = [line[6:] for line in reply.text.splitlines() if line]
        parts = [json.loads(event) for event in events]
        if done != "[DONE]" or any("error" in part for part in parts):
            return f"lost: broken stream {events[-1:]}"
        said = "".join(part["choices"][0]["delta"].get("content") or "" for part in parts)
        model = parts[0]["model"]
    named = asked["model"] in ("auto", model)
    return "answered" if named and said == f"{model} says so" else f"wrong: {model} {said!r}"


async def load(url: str, ids: list[str], seconds: float) -> tuple[Counter[str], list[int]]:
    """What became of all requests; and memory, in bytes, early and at the end."""
    random, found, memory = Random(0), Counter[str](), list[int]()
    begun, tasks = time.monotonic(), set[asyncio.Task[None]]()

    async with httpx.AsyncClient(timeout=120, limits=httpx.Limits(max_connections=None)) as client:

        async def one(number: int) -> None:
            found[await outcome(client, url, body(number, random, ids))] += 1

        for number in range(int(seconds * PER_SECOND)):
            await asyncio.sleep(begun + number / PER_SECOND - time.monotonic())
            task = asyncio.create_task(one(number))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
            if not memory and time.monotonic() - begun > WARM * seconds:
                memory.append(await asyncio.to_thread(resident))
        await asyncio.gather(*tasks)
    return found, [*memory, resident()]


async def kill(ids: list[str], seconds: float) -> int:
    """Kills a replica of a candidate, in turn, and one of the selector; returns how many."""
    killed = 0
    for id in cycle(ids):
        await asyncio.sleep(KILL_SECONDS)
        for deployment in (id, "SelectorDeployment"):
            killed += await asyncio.to_thread(kill_replica, deployment)
        if (seconds := seconds - KILL_SECONDS) < KILL_SECONDS:
            break
    return killed


def kill_replica(deployment: str) -> bool:
    """Kills one replica, if one runs."""
    for actor in list_named_actors(all_namespaces=True):
        if actor["name"].startswith("SERVE_REPLICA::") and deployment in actor["name"]:
            ray.kill(ray.get_actor(actor["name"], namespace=actor["namespace"]))
            return True
    return False


def resident() -> int:
    """Bytes of what stays alive all the while: the ingress and the proxy."""
    processes = psutil.process_iter(["cmdline", "memory_info"])
    told = [(" ".join(one.info["cmdline"] or []), one.info["memory_info"].rss) for one in processes]
    return sum(rss for line, rss in told if "ProxyActor" in line or "Ingress" in line)


async def both(url: str, ids: list[str], seconds: float) -> Any:
    """Load and kills, side by side."""
    return await asyncio.gather(load(url, ids, seconds), kill(ids, seconds))


def measure(minutes: float) -> list[Figure]:
    """All figures."""
    run = settings({"selector_replicas": 2, "port": 8223})
    ids = load_zoo(run.zoo).ids()
    with ray_session(RaySettings(num_cpus=16)), serving(run) as url:
        (found, (early, late)), killed = asyncio.run(both(url, ids, 60 * minutes))
    for outcome_, count in found.most_common():
        print(f"{count}: {outcome_}")
    lost = sum(count for told, count in found.items() if told.startswith("lost"))
    wrong = sum(count for told, count in found.items() if told.startswith("wrong"))
    return [
        Figure("requests under kills", found.total(), "requests", at_least=20000 * minutes / 30),
        Figure("replicas killed", killed, "replicas"),
        Figure("requests lost", lost, "requests", at_most=0),
        Figure("requests answered wrongly", wrong, "requests", at_most=0),
        Figure("memory of ingress and proxy, end against early", late / early, "ratio", 1.1),
    ]


if __name__ == "__main__":
    given = float(sys.argv[1]) if len(sys.argv) > 1 else MINUTES
    write_figures(measure(given), f"python -m jobs.bench_load {given:g}")
