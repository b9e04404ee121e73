"""The overlay cpu-demo on a local Ray cluster: entrypoints and serveConfigV2 as they stand in it.

Jobs are submitted to the same cluster from elsewhere, as from a laptop.

As in its pods, paths are relative to the folder that Ray was started in, the head has no CPUs, the
worker has as many as its group's pods, and a token is asked for. Stand-ins take the place of the
zoo's two models; the encoder of the selector is the real one.
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
import pytest
import ray
import yaml

ROOT = Path(__file__).parents[2]
GCS, DASHBOARD, HEAD_AGENT, SERVE, WORKER_AGENT, CLIENT = range(8340, 8346)
ADDRESS = f"http://127.0.0.1:{DASHBOARD}"
TOKEN = "of this cluster only"
AUTHORIZED = {"Authorization": f"Bearer {TOKEN}"}
MINUTES = 5

pytestmark = pytest.mark.slow

Object = dict[str, Any]
Built = Callable[[str], list[Object]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What lies in the image's working folder, with stand-ins in the zoo's file, and a data set."""
    place = tmp_path_factory.mktemp("pod")
    for name in ("runs/fast.yaml", "zoos/laptop.yaml"):
        (place / "manifests" / name).parent.mkdir(parents=True)
        (place / "manifests" / name).write_text((ROOT / "manifests" / name).read_text())
    zoo = yaml.safe_load((place / "manifests" / "zoos" / "laptop.yaml").read_text())
    for candidate, reply in zip(zoo["candidates"], ("A", "B"), strict=True):
        candidate["engine"] = {"kind": "stand-in", "reply": reply}
    (place / "manifests" / "zoos" / "laptop.yaml").write_text(yaml.safe_dump(zoo))
    (place / "store").mkdir()
    (place / "store" / "instructions.jsonl").write_text('{"prompt": "Hi"}\n{"prompt": "Ho"}\n')
    return place


@pytest.fixture(scope="module")
def cluster(folder: Path) -> Iterator[dict[str, str]]:
    """A head without CPUs and a worker; gives the environment that connects to them."""
    here = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": TOKEN}  # as KubeRay's authOptions
    environment = {**os.environ, **here, **token, "OMP_NUM_THREADS": "1"}
    command = ["ray", "start", "--block", "--disable-usage-stats", "--metrics-export-port=0"]
    with tempfile.TemporaryDirectory(prefix="ray-") as files, ExitStack() as running:
        head = [
            *("--head", f"--port={GCS}", f"--temp-dir={files}", "--num-cpus=0"),
            *(f"--dashboard-port={DASHBOARD}", f"--ray-client-server-port={CLIENT}"),
        ]
        worker = [f"--address=127.0.0.1:{GCS}", f"--num-cpus={worker_cpus()}"]
        for part, agent in ((head, HEAD_AGENT), (worker, WORKER_AGENT)):
            log = running.enter_context((folder / f"{agent}.log").open("w"))
            part = [*command, *part, f"--dashboard-agent-listen-port={agent}"]
            process = subprocess.Popen(part, cwd=folder, env=environment, stdout=log, stderr=log)
            running.callback(process.wait, 60)
            running.callback(process.terminate)
            until(partial(answers, f"http://127.0.0.1:{agent}/api/healthz", process), "Ray")
        yield {**environment, "RAY_ADDRESS": f"127.0.0.1:{GCS}"}


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

    serve = ["serve", "start", "--http-port", str(SERVE), "--proxy-location", "HeadOnly"]
    subprocess.run(serve, env=cluster, cwd=folder, check=True, timeout=120)
    config = yaml.safe_load(items["router"]["spec"]["serveConfigV2"])
    applications = f"{ADDRESS}/api/serve/applications/"
    reply = httpx.put(applications, json=config, headers=AUTHORIZED, timeout=60)
    assert reply.is_success, reply.text

    def status() -> str:
        said = httpx.get(applications, headers=AUTHORIZED, timeout=60).json()
        found: Object = said["applications"]["model-sat"]
        assert found["status"] not in ("DEPLOY_FAILED", "UNHEALTHY"), found["message"]
        return str(found["status"])

    until(lambda: status() == "RUNNING", "the application")
    asked = {"model": "auto", "messages": [{"role": "user", "content": "What is 2 + 2?"}]}
    answer = httpx.post(f"http://127.0.0.1:{SERVE}/v1/chat/completions", json=asked, timeout=60)
    assert answer.is_success, answer.text
    replies = {"smollm2-135m-instruct": "A", "gemma-3-270m": "B"}
    content = answer.json()["choices"][0]["message"]["content"]
    assert content == replies[answer.headers["x-model-sat-candidate"]]

    command = [sys.executable, "-m", "jobs.status", "manifests/runs/fast.yaml", "--json"]
    shown = subprocess.run(command, env=cluster, cwd=folder, capture_output=True, text=True)
    assert shown.returncode == 0, shown.stderr
    parts = {part["name"]: part for part in json.loads(shown.stdout)["parts"]}
    assert parts.keys() == {*replies, "ingress"}
    assert {(part["health"], part["replicas"]) for part in parts.values()} == {("healthy", 1)}
    assert all(parts[candidate]["card_written"] for candidate in replies)


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
