"""What tests of several roles share: Ray on this machine, S3, real models, a browser."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from cluster.store import Store
from jobs.ray_session import PATIENCE
from tests.browser import DRIVER, Browser, chromium

ROOT = Path(__file__).parents[1]
# What clients of an S3 server must have; the one of the tests does not look at it.
AWS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


@pytest.fixture(scope="session")
def ray_cluster() -> Iterator[None]:
    """A local Ray whose CPUs are logical, so that many light actors fit on few cores."""
    import ray

    ray.init(
        num_cpus=16,
        include_dashboard=False,
        log_to_driver=False,
        # Idle ones that stay; or there are as many as CPUs, and beside engines no memory is left.
        _system_config={"num_workers_soft_limit": 4},
        runtime_env={"env_vars": {"PYTHONPATH": str(ROOT), **PATIENCE, **AWS}},
    )
    yield
    ray.shutdown()


@pytest.fixture(scope="session")
def laptop_models() -> Store:
    """A store with the packaged models; kept in build/, for preparing them takes a minute."""
    from actors.candidate.packaged import PACKAGED, prepare

    store = Store(str(ROOT / "build" / "test-store"))
    for name in PACKAGED:
        prepare(store, name)
    return store


class S3Server:
    """An S3 server, moto, in a process of its own."""

    def __init__(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]

    def start(self) -> None:
        """Returns once it answers; it holds nothing then."""
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)]
        silent = subprocess.DEVNULL
        self.process = subprocess.Popen(command, stdout=silent, stderr=silent)
        end = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                assert self.process.poll() is None, "the S3 server ended"
                assert time.monotonic() < end, "the S3 server does not start"
                time.sleep(0.1)

    def stop(self) -> None:
        """Kills it; what it held is gone."""
        self.process.kill()
        self.process.wait()

    def new_bucket(self, name: str | None = None) -> str:
        """The URL of a store in a new bucket, with all that pyarrow must know to find it."""
        import boto3

        name = name or f"bucket-{uuid4().hex[:12]}"
        client = boto3.client("s3", endpoint_url=f"http://127.0.0.1:{self.port}")
        client.create_bucket(Bucket=name)
        options = f"scheme=http&endpoint_override=127.0.0.1:{self.port}&region=us-east-1"
        return f"s3://{name}/store?{options}"


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    """A server for all tests, and its variables in this process."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in AWS.items():
            patch.setenv(name, value)
        server = S3Server()
        server.start()
        yield server
        server.stop()


@pytest.fixture
def mortal_s3_server(s3_server: S3Server) -> Iterator[S3Server]:
    """One more server, for a test that stops it."""
    server = S3Server()
    server.start()
    yield server
    server.stop()


@pytest.fixture(params=["local", "s3"])
def any_store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """An empty store: a folder, and a bucket."""
    if request.param == "local":
        return Store(str(tmp_path / "store"))
    server: S3Server = request.getfixturevalue("s3_server")
    return Store(server.new_bucket())


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A headless Chromium."""
    if DRIVER is None:
        pytest.skip("chromedriver is not installed")
    with chromium(tmp_path_factory.mktemp("chromium")) as window:
        yield window


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with real engines first, then those with slow tests: what is quick fills the gaps."""

    def rank(file: list[pytest.Item]) -> int:
        marks = {mark.name for item in file for mark in item.iter_markers()}
        return 0 if "vllm" in marks else 1 if "slow" in marks else 2

    files: dict[Path, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.path, []).append(item)
    items[:] = [item for file in sorted(files.values(), key=rank) for item in file]
