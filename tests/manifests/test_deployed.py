"""The overlay cpu-demo on a local Ray cluster: entrypoints and serveConfigV2 as they stand in it.

As in its pods, paths are relative to the folder that Ray was started in, the head has no CPUs, the
worker has as many as its group's pods, and a token is asked for. Stand-ins take the place of the
zoo's two models; the encoder of the selector is the real one.
"""

import os
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
