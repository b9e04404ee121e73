import socket
import subprocess
import sys
from pathlib import Path

import pytest

from jobs.ray_session import started_here

ROOT = Path(__file__).parents[2]
# In a process of its own, for Ray runs in this one already.
CODE = """
import logging
import ray
from cluster.settings import RaySettings
from jobs.console import listen
from jobs.ray_session import ray_session

@ray.remote
def patience():
    from ray.serve._private import constants
    return constants.PROXY_READY_CHECK_TIMEOUT_S

listen(quiet=False)
import actors.router.app
with ray_session(RaySettings(num_cpus=2)):
    print("seconds:", ray.get(patience.remote()))
    logging.getLogger("ray.serve").info("noise of Serve")
    logging.getLogger("httpx").info("noise of a client")
    logging.getLogger("jobs").info("ours")
"""


def test_serve_waits_for_its_proxies_and_does_not_talk_beside_us() -> None:
    done = subprocess.run(
        [sys.executable, "-c", CODE], cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    assert "seconds: 60.0" in done.stdout, done.stderr
    assert "ours" in done.stderr.splitlines()
    assert "noise" not in done.stderr


def test_a_cluster_that_ended_without_saying_so_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    assert started_here() is None
    (tmp_path / "ray").mkdir()
    with socket.create_server(("127.0.0.1", 0)) as gcs:
        address = f"127.0.0.1:{gcs.getsockname()[1]}"
        (tmp_path / "ray" / "ray_current_cluster").write_text(address)  # as ``ray start`` does
        assert started_here() == address
    assert started_here() is None
