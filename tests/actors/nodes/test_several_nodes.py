"""The way through a cluster of several nodes, by `ray job submit`, while parts of it die.

The tests go on with one cluster, in their order: what was examined is tuned on, and what was tuned
serves. Each says what was lost: nothing.
"""

import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import pyarrow as pa
import pytest
import yaml
from safetensors.torch import load_file

from cluster.store import Store

pytestmark = [pytest.mark.slow, pytest.mark.nodes]

ROOT = Path(__file__).parents[3]
SERVE = 22002
ZOO = """
name: stand-ins
candidates:
  - {id: a, engine: {kind: stand-in, reply: A, seconds: 0.1}, resources: {accelerator_type: A100}}
  - id: b
    engine: {kind: stand-in, reply: B, seconds: 0.1}
    resources: {accelerator_type: H100, min_replicas: 2, max_replicas: 2}
  - {id: c, engine: {kind: stand-in, reply: C, seconds: 0.1}}
"""
LARGE = """
name: large
candidates: [{id: large, engine: {kind: vllm, source: nobody/large}, resources: {gpus: 2}}]
"""
INSTRUCTIONS = 60
Run = dict[str, Any]


@pytest.fixture(scope="module")
def laptop(tmp_path_factory: pytest.TempPathFactory, tiny_sources: Any) -> Path:
    """A user's working folder: the code, a run and its zoos. Its store is one that nodes share."""
    place: Path = tmp_path_factory.mktemp("laptop")
    for package in ("cluster", "actors", "jobs"):
        leave = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / package, place / package, ignore=leave)
    shared = tmp_path_factory.mktemp("shared")
    stage = {"epochs": 1, "lr": 1e-3}
    run = {
        "store": str(shared / "store"),
        "zoo": "zoo.yaml",
        "selector": tiny_sources().model_dump(),
        "exam": {"tasks": 4, "shots": 10, "practice": 10, "batch_size": 20},
        "tuning": {
            **{"workers": 2, "checkpoint_every": 5, "groups_per_epoch": 80, "held_out": 0.3},
            **{"group_size": 2, "groups_per_step": 1, "stage1": stage, "stage2": stage},
        },
        "routing": {"instructions": str(shared / "instructions.jsonl"), "batch_size": 8},
        "router": {"watch_seconds": 0.5, "selector_replicas": 2, "first_token_seconds": 20},
    }
    rows = ({"instruction_id": f"i{n:02}", "prompt": f"Say {n}."} for n in range(INSTRUCTIONS))
    (shared / "instructions.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (place / "run.yaml").write_text(yaml.safe_dump(run))
    (place / "zoo.yaml").write_text(ZOO)
    (place / "large.yaml").write_text(LARGE)
    # The same candidates, slow enough to lose a node under way.
    (place / "slow.yaml").write_text(ZOO.replace("seconds: 0.1", "seconds: 2"))
    return place


@pytest.fixture(scope="module")
def run(laptop: Path) -> Run:
    found: Run = yaml.safe_load((laptop / "run.yaml").read_text())
    return found


@pytest.fixture(scope="module")
def store(run: Run) -> Store:
    """That of the run without faults."""
    return Store(run["store"])


def other(store: Store) -> str:
    """That of the run with faults."""
    return f"{store.url}-faulty"


def job(name: str, *overrides: str) -> list[str]:
    return ["python", "-m", f"jobs.{name}", "run.yaml", *overrides]


def outcomes(store: Store) -> pa.Table:
    """What all candidates answered and got, by candidate and question; a row for each."""
    (test,) = store.names("exams")
    parts = [
        store.read_table(f"exams/{test}/outcomes/{name}")
        for name in store.names(f"exams/{test}/outcomes")
    ]
    found = pa.concat_tables(parts)
    return found.sort_by([("model_id", "ascending"), ("question_id", "ascending")])


def routed(store: Store) -> list[Run]:
    """The rows of a routed data set, by instruction."""
    base = "routed/routed/answers"
    parts = [
        store.read_table(f"{base}/{id}/{part}")
        for id in store.names(base)
        for part in store.names(f"{base}/{id}")
    ]
    rows: list[Run] = pa.concat_tables(parts).to_pylist()
    return sorted(rows, key=lambda row: str(row["instruction_id"]))


def test_jobs_that_are_submitted_run_on_the_workers(nodes: Any, laptop: Path, store: Store) -> None:
    log = nodes.submit(laptop, *job("examine_candidates")).succeeded()
    assert all(f"{id}: " in log for id in "abc"), log
    log = nodes.submit(laptop, *job("tune_selector"), entrypoint_num_cpus="1").succeeded()
    assert "held-out questions, tuned" in log
    assert store.has_folder("selectors/selector")
    nodes.submit(laptop, *job("route_dataset")).succeeded()
    assert [row["instruction_id"] for row in routed(store)] == [
        f"i{n:02}" for n in range(INSTRUCTIONS)
    ]


@pytest.mark.parametrize(
    ("overrides", "reason"),
    [
        (["zoo=large.yaml"], "candidate 'large' lacks GPU: it needs 2, the cluster has 0"),
        (["store=store"], "key 'store': 'store' would lie in a copy of the working folder"),
    ],
)
def test_a_job_that_cannot_run_says_why_in_its_log(
    nodes: Any, laptop: Path, overrides: list[str], reason: str
) -> None:
    id = overrides[0].replace("=", "-")
    status, _ = nodes.submit(
        laptop, *job("examine_candidates", *overrides), submission_id=id
    ).ended()
    assert status != 0
    log = nodes.run("ray", "job", "logs", id, "--address", nodes.dashboard)
    assert f"error: {reason}" in log or f"cluster: {reason}" in log


def busy(nodes: Any, title: str) -> str | None:
    """A worker node where such work is under way."""
    return next((name for name in "abc" if nodes[name].running(title)), None)


@contextmanager
def a_node_lost(nodes: Any, until: Any, title: str) -> Iterator[None]:
    """Kills the first node that is seen at such work; starts it again after the block."""
    until(lambda: busy(nodes, title), title)
    victim = busy(nodes, title)
    assert victim
    nodes[victim].kill()
    yield
    nodes.start(victim)


def test_an_exam_ends_with_every_row_when_a_node_is_lost(
    nodes: Any, laptop: Path, store: Store, until: Any
) -> None:
    overrides = [f"store={other(store)}", "zoo=slow.yaml"]
    submitted = nodes.submit(laptop, *job("examine_candidates", *overrides))
    with a_node_lost(nodes, until, "ray::MapBatches"):
        submitted.succeeded()
    assert outcomes(Store(other(store))).equals(outcomes(store))


def test_a_routed_data_set_has_every_row_once_when_a_node_is_lost(
    nodes: Any, laptop: Path, store: Store, until: Any
) -> None:
    Store(other(store)).put_folder("selectors/selector", store.local_folder("selectors/selector"))
    overrides = [f"store={other(store)}", "zoo=slow.yaml"]
    submitted = nodes.submit(laptop, *job("route_dataset", *overrides))
    with a_node_lost(nodes, until, "ray::MapBatches(_stand_in"):
        submitted.succeeded()
    assert routed(Store(other(store))) == routed(store)


def checkpoints(store: Store) -> list[str]:
    runs = store.names("tuning")
    return [
        name
        for run in runs
        for name in store.names(f"tuning/{run}")
        if name.startswith("checkpoint_2")
    ]


def test_tuning_goes_on_after_a_lost_worker_and_a_lost_driver(
    nodes: Any, laptop: Path, store: Store, until: Any
) -> None:
    faulty = Store(other(store))
    shutil.rmtree(faulty.path("selectors"), ignore_errors=True)  # what was routed with
    submitted = nodes.submit(laptop, *job("tune_selector", f"store={faulty.url}"))
    until(lambda: checkpoints(faulty), "a checkpoint")
    before, (run,) = checkpoints(faulty), faulty.names("tuning")
    name = busy(nodes, "ray::RayTrainWorker")
    assert name
    nodes[name].running("ray::RayTrainWorker")[0].kill()
    until(lambda: checkpoints(faulty)[-1] > before[-1], "a checkpoint after the lost worker")
    (driver,) = [
        one for one in nodes["head"].running("jobs.tune_selector") if "python" in one.name()
    ]
    driver.kill()
    status, _ = submitted.ended()
    assert status != 0
    assert not faulty.exists("selectors/selector")
    left = checkpoints(faulty)
    assert left
    log = nodes.submit(laptop, *job("tune_selector", f"store={faulty.url}")).succeeded()
    assert "held-out questions, tuned" in log
    assert faulty.names("tuning") == [run]  # it is the same run, taken up again
    ours, theirs = (one.local_folder("selectors/selector") for one in (faulty, store))
    for path in theirs.rglob("*.safetensors"):
        weights, same = load_file(ours / path.relative_to(theirs)), load_file(path)
        for name, tensor in same.items():
            assert tensor.allclose(weights[name], atol=1e-5), name


@pytest.fixture(scope="module")
def served(nodes: Any, laptop: Path, run: Run, until: Any) -> None:
    """The application, deployed as KubeRay does it; proxies on all nodes."""
    zoo = {"zoo": str(laptop / "zoo.yaml"), "selector_name": "selector"}
    application = {
        **{"name": "model-sat", "route_prefix": "/", "import_path": "actors.router.app:build_app"},
        "args": {"store": run["store"], "router": run["router"], **zoo},
    }
    config = {
        "proxy_location": "EveryNode",
        "http_options": {"host": "0.0.0.0", "port": SERVE},
        "applications": [application],
    }
    applications = f"{nodes.dashboard}/api/serve/applications/"
    reply = httpx.put(applications, json=config, timeout=120)
    assert reply.is_success, reply.text
    until(lambda: all(row["health"] == "healthy" for row in rows(nodes, laptop)), "the router")


def rows(nodes: Any, laptop: Path) -> list[Run]:
    """What ``model-sat status`` says."""
    zoo = f"zoo={laptop / 'zoo.yaml'}"
    told = nodes.run("python", "-m", "jobs.status", str(laptop / "run.yaml"), zoo, "--json")
    found: list[Run] = json.loads(told)["parts"]
    return found


def addresses(nodes: Any, laptop: Path, name: str) -> dict[str, int]:
    (row,) = [row for row in rows(nodes, laptop) if row["name"] == name]
    found: dict[str, int] = row["nodes"]
    return found


def replicas(nodes: Any, deployment: str) -> list[psutil.Process]:
    """The processes of a deployment's replicas."""
    title = f"ServeReplica:model-sat:{deployment}"
    return [one for name in "abc" for one in nodes[name].running(title)]


def ask(url: str) -> str:
    """``answered``, or what came instead."""
    asked = {"model": "auto", "messages": [{"role": "user", "content": "Say it."}]}
    try:
        reply = httpx.post(f"{url}/v1/chat/completions", json=asked, timeout=60)
    except httpx.HTTPError as error:
        return repr(error)
    if not reply.is_success:
        return reply.text
    answer = reply.json()
    said = answer["choices"][0]["message"]["content"]
    return "answered" if said == answer["model"].upper() else f"{answer['model']}: {said}"


@contextmanager
def asking(urls: list[str]) -> Iterator[list[str]]:
    """Keeps asking at each of the URLs until the block ends; what came is in the list."""
    came: list[str] = []
    stop = threading.Event()

    def go_on(url: str) -> None:
        while not stop.is_set():
            came.append(ask(url))

    with ThreadPoolExecutor(len(urls)) as pool:
        asked = [pool.submit(go_on, url) for url in urls]
        try:
            yield came
        finally:
            stop.set()
        for each in asked:
            each.result()


def urls(nodes: Any, laptop: Path) -> list[str]:
    """Where the router can be asked: Serve has a proxy on every worker with a replica."""
    used = {address for row in rows(nodes, laptop) for address in row["nodes"]}
    return [f"http://{address}:{SERVE}" for address in sorted(used)]


def all_well(nodes: Any, laptop: Path) -> bool:
    """Whether all replicas run, and every proxy answers: one that is new comes late."""
    healthy = all(row["health"] == "healthy" for row in rows(nodes, laptop))
    return healthy and {ask(url) for url in urls(nodes, laptop)} == {"answered"}


def needs_networks(nodes: Any) -> None:
    if nodes.network.shared:
        pytest.skip("network namespaces are refused here: nodes share a port")


def test_status_says_which_candidate_runs_where(nodes: Any, laptop: Path, served: None) -> None:
    needs_networks(nodes)
    found = {row["name"]: row for row in rows(nodes, laptop)}
    assert found.keys() == {"a", "b", "c", "selector", "ingress"}
    assert found["a"]["nodes"] == {nodes["a"].address: 1}
    assert set(found["b"]["nodes"]) <= {nodes["b"].address, nodes["c"].address}
    assert [found[id]["replicas"] for id in ("a", "b", "c", "selector")] == [1, 2, 1, 2]
    assert nodes["head"].address not in {ip for row in found.values() for ip in row["nodes"]}
    shown = nodes.run(
        "python", "-m", "jobs.status", str(laptop / "run.yaml"), f"zoo={laptop / 'zoo.yaml'}"
    )
    (line,) = [line for line in shown.splitlines() if line.split()[:1] == ["a"]]
    assert line.split() == [
        "a",
        "0.1",
        "CPU",
        "A100",
        "1",
        "of",
        "1",
        nodes["a"].address,
        "healthy",
        *line.split()[-2:],
    ]


def test_no_request_is_lost_when_replicas_are_killed(
    nodes: Any, laptop: Path, served: None, until: Callable[..., None]
) -> None:
    until(lambda: all_well(nodes, laptop), "the router")
    with asking(urls(nodes, laptop)) as came:
        for deployment in ("StandInServer:a", "SelectorDeployment", "StandInServer:b"):
            time.sleep(1)
            replicas(nodes, deployment)[0].kill()
        killed_after = len(came)
        until(lambda: len(came) > killed_after + 20, "twenty answers after the last one")
    assert set(came) == {"answered"}


def test_no_request_is_lost_when_a_node_is_killed(
    nodes: Any, laptop: Path, served: None, until: Callable[..., None]
) -> None:
    needs_networks(nodes)
    until(lambda: all_well(nodes, laptop), "the router")
    ingress = addresses(nodes, laptop, "ingress")
    victim = next(name for name in "bc" if nodes[name].address not in ingress)
    lost = nodes[victim].address
    with asking([url for url in urls(nodes, laptop) if lost not in url]) as came:
        time.sleep(1)
        nodes[victim].kill()
        until(lambda: lost not in addresses(nodes, laptop, "selector"), "another selector")
        until(lambda: all(row["health"] == "healthy" for row in rows(nodes, laptop)), "the rest")
    assert set(came) == {"answered"}
    nodes.start(victim)


def test_the_application_survives_the_head(
    nodes: Any, laptop: Path, served: None, redis: str | None, until: Callable[..., None]
) -> None:
    needs_networks(nodes)
    if redis is None:
        pytest.skip("redis-server is not installed: the head keeps nothing")
    until(lambda: all_well(nodes, laptop), "the router")
    before = {name: replicas(nodes, name) for name in ("StandInServer:a", "SelectorDeployment")}
    with asking(urls(nodes, laptop)) as came:
        time.sleep(1)
        nodes["head"].kill()
        killed_after = len(came)
        until(lambda: len(came) > killed_after + 10, "ten answers without a head")
        nodes.start("head")
        until(lambda: all(row["health"] == "healthy" for row in rows(nodes, laptop)), "the head")
    assert set(came) == {"answered"}
    assert {name: replicas(nodes, name) for name in before} == before  # none was started anew
