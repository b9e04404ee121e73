"""The overlays on a local Ray cluster: entrypoints and serveConfigV2 as they stand in them.

Jobs are submitted to the same cluster from elsewhere, as from a laptop.

As in their pods, paths are relative to the folder that Ray was started in, the head has no CPUs,
the worker has as many as its group's pods, and a token is asked for. Stand-ins take the place of
the zoos' models, and in the run of the overlay gpu a fast selector on CPU that of the paper's;
encoders are real. All else is as it stands, but for the GPU of that overlay's selector.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import ray
import yaml

from cluster.store import Store
from jobs.ray_session import PATIENCE

ROOT = Path(__file__).parents[2]
GCS, DASHBOARD, HEAD_AGENT, SERVE, WORKER_AGENT, CLIENT = range(8340, 8346)
ADDRESS = f"http://127.0.0.1:{DASHBOARD}"
APPLICATIONS = f"{ADDRESS}/api/serve/applications/"
TOKEN = "of this cluster only"
AUTHORIZED = {"Authorization": f"Bearer {TOKEN}"}
MINUTES = 10

pytestmark = pytest.mark.slow

Object = dict[str, Any]
Built = Callable[[str], list[Object]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, laptop_models: Store) -> Path:
    """What lies in the image's working folder, with stand-ins in its zoos, and a data set."""
    place = tmp_path_factory.mktemp("pod")
    for name in ("laptop", "smaller-scale"):
        zoo = yaml.safe_load((ROOT / "manifests" / "zoos" / f"{name}.yaml").read_text())
        for candidate, reply in zip(zoo["candidates"], "ABCDE", strict=False):
            candidate["engine"] = {"kind": "stand-in", "reply": reply}
        write(place / "manifests" / "zoos" / f"{name}.yaml", zoo)
    fast, paper = (
        yaml.safe_load((ROOT / "manifests" / "runs" / f"{name}.yaml").read_text())
        for name in ("fast", "paper")
    )
    write(place / "manifests" / "runs" / "fast.yaml", fast)
    encoder = str(laptop_models.local_folder("models/all-minilm-l6-v2"))
    paper["selector"] = {"kind": "item-response", "encoder": encoder}
    paper["tuning"], paper["router"] = {}, {}
    paper["exam"] |= {"questions": "bank", "tasks": 5, "shots": 4, "practice": 4}
    write(place / "manifests" / "runs" / "paper.yaml", paper)
    (place / "store").mkdir()
    (place / "store" / "instructions.jsonl").write_text('{"prompt": "Hi"}\n{"prompt": "Ho"}\n')
    return place


def write(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(value))


@pytest.fixture(scope="module")
def cluster(folder: Path, s3_server: Any) -> Iterator[dict[str, str]]:
    """A head without CPUs and a worker; gives the environment that connects to them."""
    here = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": TOKEN}  # as KubeRay's authOptions
    s3 = {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{s3_server.port}"}
    small = {"OMP_NUM_THREADS": "1", "RAY_num_workers_soft_limit": "4"}  # as conftest has it
    environment = {**os.environ, **here, **token, **s3, **small, **PATIENCE}
    command = ["ray", "start", "--block", "--disable-usage-stats", "--metrics-export-port=0"]
    with tempfile.TemporaryDirectory(prefix="ray-") as files, ExitStack() as running:
        head = [
            *("--head", f"--port={GCS}", f"--temp-dir={files}", "--num-cpus=0"),
            *(f"--dashboard-port={DASHBOARD}", f"--ray-client-server-port={CLIENT}"),
        ]
        worker = [f"--address=127.0.0.1:{GCS}", f"--num-cpus={worker_cpus()}"]
        processes: list[subprocess.Popen[bytes]] = []
        running.callback(end, processes)
        for part, agent in ((head, HEAD_AGENT), (worker, WORKER_AGENT)):
            log = running.enter_context((folder / f"{agent}.log").open("w"))
            part = [*command, *part, f"--dashboard-agent-listen-port={agent}"]
            process = subprocess.Popen(part, cwd=folder, env=environment, stdout=log, stderr=log)
            processes.append(process)
            until(partial(answers, f"http://127.0.0.1:{agent}/api/healthz", process), "Ray")
        environment["RAY_ADDRESS"] = f"127.0.0.1:{GCS}"
        serve = ["serve", "start", "--http-port", str(SERVE), "--proxy-location", "HeadOnly"]
        subprocess.run(serve, env=environment, cwd=folder, check=True, timeout=60 * MINUTES)
        yield environment


def end(processes: list[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        process.terminate()
    for process in processes:
        process.wait(60)


def worker_cpus() -> str:
    cluster = yaml.safe_load((ROOT / "manifests" / "kuberay" / "base" / "cluster.yaml").read_text())
    (group,) = cluster["spec"]["workerGroupSpecs"]
    cpus: str = group["template"]["spec"]["containers"][0]["resources"]["limits"]["cpu"]
    return cpus


def answers(url: str, process: subprocess.Popen[bytes]) -> bool:
    assert process.poll() is None, f"{process.args!r} ended"
    try:
        return httpx.get(url, timeout=5).is_success
    except httpx.HTTPError:
        return False


def until(holds: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + 60 * MINUTES
    while not holds():
        assert time.monotonic() < end, f"{what}: not within {MINUTES} minutes"
        time.sleep(0.5)


def run_job(job: Object) -> str:
    """Submits a RayJob as KubeRay does; returns its log."""
    from ray.job_submission import JobSubmissionClient

    client = JobSubmissionClient(ADDRESS, headers=AUTHORIZED)
    spec = job["spec"]
    id = client.submit_job(
        entrypoint=spec["entrypoint"], entrypoint_num_cpus=spec["entrypointNumCpus"]
    )
    until(lambda: client.get_job_status(id).is_terminal(), job["metadata"]["name"])
    log: str = client.get_job_logs(id)
    assert client.get_job_status(id) == "SUCCEEDED", log
    return log


def deploy(config: Object, replies: dict[str, str]) -> None:
    """Deploys as KubeRay does; waits until ``auto`` answers as one of these candidates."""
    reply = httpx.put(APPLICATIONS, json=config, headers=AUTHORIZED, timeout=60)
    assert reply.is_success, reply.text
    router = f"http://127.0.0.1:{SERVE}/v1"

    def serves() -> bool:
        said = httpx.get(APPLICATIONS, headers=AUTHORIZED, timeout=60).json()
        found: Object = said["applications"]["model-sat"]
        assert found["status"] not in ("DEPLOY_FAILED", "UNHEALTHY"), found["message"]
        if found["status"] != "RUNNING":
            return False
        models = {model["id"] for model in httpx.get(f"{router}/models").json()["data"]}
        return models == {"auto", *replies}

    until(serves, "the application")
    asked = {"model": "auto", "messages": [{"role": "user", "content": "What is 2 + 2?"}]}
    answer = httpx.post(f"{router}/chat/completions", json=asked, timeout=60)
    assert answer.is_success, answer.text
    content = answer.json()["choices"][0]["message"]["content"]
    assert content == replies[answer.headers["x-model-sat-candidate"]]


@pytest.mark.timeout(1800)  # three jobs and a deployment
def test_the_steps_one_after_the_other(cluster: dict[str, str], folder: Path, built: Built) -> None:
    items = {
        item["metadata"]["name"]: item
        for item in built("cpu-demo")
        if item["kind"] in ("RayJob", "RayService")
    }
    log = run_job(items["examine"])
    assert "smollm2-135m-instruct: " in log
    assert "gemma-3-270m: " in log
    assert "held-out questions, tuned" in run_job(items["tune"])
    assert (folder / "store" / "selectors" / "fast" / "selector.json").exists()
    assert "instructions" in run_job(items["route"])
    assert (folder / "store" / "routed" / "routed" / "complete.json").exists()

    config = yaml.safe_load(items["router"]["spec"]["serveConfigV2"])
    deploy(config, {"smollm2-135m-instruct": "A", "gemma-3-270m": "B"})

    command = [sys.executable, "-m", "jobs.status", "manifests/runs/fast.yaml", "--json"]
    shown = subprocess.run(command, env=cluster, cwd=folder, capture_output=True, text=True)
    assert shown.returncode == 0, shown.stderr
    parts = {part["name"]: part for part in json.loads(shown.stdout)["parts"]}
    candidates = {"smollm2-135m-instruct", "gemma-3-270m"}
    assert parts.keys() == {*candidates, "ingress"}
    assert {(part["health"], part["replicas"]) for part in parts.values()} == {("healthy", 1)}
    assert all(parts[candidate]["card_written"] for candidate in candidates)


@pytest.mark.nodes  # beside the engines of other tests there is too little memory for it
def test_the_overlay_gpu(
    cluster: dict[str, str], folder: Path, s3_server: Any, built: Built
) -> None:
    items = {
        item["metadata"]["name"]: item
        for item in built("gpu")
        if item["kind"] in ("RayJob", "RayService")
    }
    store = Store(s3_server.new_bucket("model-sat"))
    instructions = pa.table({"prompt": ["Hi", "Ho"]})
    pq.write_table(instructions, "model-sat/instructions.parquet", filesystem=store.filesystem)
    assert "phi-3-mini-128k-instruct: " in run_job(items["examine"])
    assert "held-out questions, tuned" in run_job(items["tune"])
    assert store.exists("selectors/paper/selector.json")
    assert "instructions" in run_job(items["route"])
    assert store.exists("routed/routed/complete.json")

    config = yaml.safe_load(items["router"]["spec"]["serveConfigV2"])
    args = config["applications"][0]["args"]
    assert args["router"].pop("selector_gpus") == 1  # there is no CUDA here
    zoo = yaml.safe_load((folder / args["zoo"]).read_text())
    replies = {one["id"]: one["engine"]["reply"] for one in zoo["candidates"]}
    deploy(config, replies)


@pytest.fixture(scope="module")
def laptop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working folder that the cluster's nodes do not have: the code, a run and its zoo."""
    place = tmp_path_factory.mktemp("laptop")
    for package in ("cluster", "actors", "jobs"):
        leave = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / package, place / package, ignore=leave)
    engine = {"kind": "vllm", "source": "somebody/something"}
    candidate = {"id": "large", "engine": engine, "resources": {"gpus": 2}}
    (place / "zoo.yaml").write_text(yaml.safe_dump({"name": "ours", "candidates": [candidate]}))
    run = {
        "store": str(place / "store"),
        "zoo": "zoo.yaml",
        "selector": {"encoder": "e", "decoder": "d"},
    }
    (place / "run.yaml").write_text(yaml.safe_dump(run))
    return place


def submit(
    cluster: dict[str, str], laptop: Path, *entrypoint: str
) -> subprocess.CompletedProcess[str]:
    """``ray job submit`` as users call it; waits for the job's end, and prints its log."""
    where = ["--address", ADDRESS, "--headers", json.dumps(AUTHORIZED), "--working-dir", "."]
    command = ["ray", "job", "submit", *where, "--", *entrypoint]
    return subprocess.run(
        command, env=cluster, cwd=laptop, capture_output=True, text=True, timeout=60 * MINUTES
    )


WHERE_CODE_LIES = """
import ray, jobs.cli
ray.init()
@ray.remote(num_cpus=0.1)
def elsewhere():
    import cluster.zoo
    return cluster.zoo.__file__
print(jobs.cli.__file__, ray.get(elsewhere.remote()))
"""


def test_a_job_brings_its_code_along(cluster: dict[str, str], laptop: Path) -> None:
    (laptop / "where.py").write_text(WHERE_CODE_LIES)
    done = submit(cluster, laptop, "python", "-m", "where")
    assert done.returncode == 0, done.stdout + done.stderr
    (line,) = [line for line in done.stdout.splitlines() if "jobs/cli.py" in line]
    assert all("working_dir_files" in path for path in line.split()[-2:]), line


def test_a_job_that_cannot_run_ends_with_its_reason(cluster: dict[str, str], laptop: Path) -> None:
    done = submit(cluster, laptop, "python", "-m", "jobs.examine_candidates", "run.yaml")
    assert done.returncode != 0
    reason = "error: what is asked for does not fit the cluster: candidate 'large' lacks GPU: it "
    assert reason in done.stdout
    assert not (laptop / "store").exists()


OTHER_VERSION = "import ray; ray.__version__ = '1.13.0'; from jobs.cli import main; main()"


def test_a_cluster_of_another_version_is_refused(cluster: dict[str, str], laptop: Path) -> None:
    command = [sys.executable, "-c", OTHER_VERSION, "examine-candidates", "run.yaml"]
    done = subprocess.run(
        command, env=cluster, cwd=laptop, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 2, done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    for part in (f"Ray {ray.__version__}", "Ray 1.13.0", "both must be the same"):
        assert part in line


def test_a_cluster_that_is_not_there_is_said_soon(cluster: dict[str, str], laptop: Path) -> None:
    command = [sys.executable, "-m", "jobs.examine_candidates", "run.yaml"]
    done = subprocess.run(
        [*command, "ray.address=127.0.0.1:9"],
        env=cluster,
        cwd=laptop,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 2, done.stderr
    assert "no Ray cluster runs at '127.0.0.1:9'" in done.stderr
