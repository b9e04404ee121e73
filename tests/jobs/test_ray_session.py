import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
# In a process of its own, for Ray runs in this one already.
CODE = """
import ray
from cluster.settings import RaySettings
from jobs.ray_session import ray_session

@ray.remote
def patience():
    from ray.serve._private import constants
    return constants.PROXY_READY_CHECK_TIMEOUT_S

with ray_session(RaySettings(num_cpus=2)):
    print("seconds:", ray.get(patience.remote()))
"""


def test_serve_waits_for_its_proxies_on_a_local_cluster() -> None:
    done = subprocess.run(
        [sys.executable, "-c", CODE], cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    assert "seconds: 60.0" in done.stdout, done.stderr
