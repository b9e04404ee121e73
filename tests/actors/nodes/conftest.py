"""A Ray cluster of several nodes on this machine, each in namespaces of its own.

Nodes do not see each other's processes, and their networks are joined by a bridge that the tests
are on, too. Killing a node kills all that runs in it, at once. Where namespaces are refused, the
nodes share this machine's network, and tests for which that is not enough are skipped. The head has
no CPUs: whatever computes does so elsewhere.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path

import httpx
import psutil
import pytest

ROOT = Path(__file__).parents[3]
WORKERS = {"a": "A100", "b": "H100", "c": "H100"}  # GPUs that they pretend to have
CPUS = 3  # logical ones of a worker
GCS, DASHBOARD, SERVE, REDIS, CLIENT = range(22000, 22005)
AGENTS = 22010  # and ten more for each node
AGENT_PORTS = (
    *("dashboard-agent-listen", "dashboard-agent-grpc", "metrics-export", "runtime-env-agent"),
)
MINUTES = 5


class Namespaces:
    """A network of its own for each node; those of a benchmark's range (RFC 2544) are nobody's."""

    shared = False

    def __init__(self) -> None:
        self._bridge = f"ms{os.getpid()}"
        self._net = f"198.18.{os.getpid() % 256}"
        self.here = f"{self._net}.254"
        self._ip("link", "add", self._bridge, "type", "bridge")
        self._ip("addr", "add", f"{self.here}/24", "dev", self._bridge)
        self._ip("link", "set", self._bridge, "up")
        self._names: list[str] = []

    def add(self, number: int) -> tuple[str, list[str]]:
        """One more; gives its address, and what goes before a command that is to be all of it."""
        name, cable = f"{self._bridge}-{number}", f"{self._bridge}v{number}"
        address = f"{self._net}.{number + 1}"
        self._ip("netns", "add", name)
        self._names.append(name)
        veth = ("type", "veth", "peer", "name", "eth0", "netns", name)
        self._ip("link", "add", cable, *veth)
        self._ip("link", "set", cable, "master", self._bridge, "up")
        self._ip("-n", name, "addr", "add", f"{address}/24", "dev", "eth0")
        for link in ("lo", "eth0"):
            self._ip("-n", name, "link", "set", link, "up")
        alone = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
        return address, ["nsenter", f"--net=/run/netns/{name}", *alone]

    def close(self) -> None:
        """Takes all of it away."""
        for name in self._names:
            self._ip("netns", "del", name)
        self._ip("link", "del", self._bridge)

    @staticmethod
    def _ip(*arguments: str) -> None:
        subprocess.run(["ip", *arguments], check=True, capture_output=True)


class OneNetwork:
    """Where namespaces are refused: all nodes at one address, on ports of their own."""

    shared, here = True, "127.0.0.1"

    def add(self, number: int) -> tuple[str, list[str]]:
        """As that of ``Namespaces``."""
        return self.here, []

    def close(self) -> None:
        """There is nothing to take away."""


class Node:
    """One node: where it is, and its processes."""

    def __init__(self, address: str, within: list[str], command: list[str], log: Path) -> None:
        self.address, self._command, self._log = address, [*within, *command], log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, environment: dict[str, str]) -> None:
        """Starts it; ``Nodes.start`` says when it is there."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, env=environment, stdout=log, stderr=log)

    def processes(self) -> list[psutil.Process]:
        """All that it runs."""
        if self._process is None or self._process.poll() is not None:
            return []
        first = psutil.Process(self._process.pid)
        return [first, *first.children(recursive=True)]

    def running(self, title: str) -> list[psutil.Process]:
        """Its processes whose command line has ``title`` in it: Ray names workers by their work."""
        return [one for one in self.processes() if title in _command_line(one)]

    def inside(self) -> list[str]:
        """What goes before a command that shall run beside what runs there."""
        first = self.running("ray start --block")[-1].pid
        return ["nsenter", f"--target={first}", "--net", "--mount", "--pid"]

    def kill(self) -> None:
        """Ends all of it at once, as a power cut would."""
        processes = self.processes()
        for sent in (signal.SIGSTOP, signal.SIGKILL):  # none of them shall see another one end
            for one in processes:
                _send(one, sent)
        if self._process:
            self._process.wait(30)


def _send(process: psutil.Process, sent: signal.Signals) -> None:
    with suppress(psutil.NoSuchProcess):
        process.send_signal(sent)


def _command_line(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""


class Nodes:
    """The cluster: nodes by name (``head`` and those of WORKERS), and what users call."""

    def __init__(self, network: Namespaces | OneNetwork, folder: Path, redis: str | None) -> None:
        self.network, self.folder = network, folder
        self._nodes: dict[str, Node] = {}
        self._seen: set[str] = set()
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("RAY_")},
            **{"PATH": path, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
            **{"RAY_AUTH_MODE": "disabled"},
            # A node that is gone is told from one that is slow after two seconds, not fifteen.
            **{"RAY_health_check_period_ms": "400", "RAY_raylet_start_wait_time_s": "60"},
        }
        if not network.shared:  # this machine's name means an address that no node has
            self._environment["GLOO_SOCKET_IFNAME"] = "eth0"
        if redis:
            self._environment["RAY_REDIS_ADDRESS"] = redis
        for number, name in enumerate(["head", *WORKERS]):
            self._nodes[name] = self._node(number, name)
        self.dashboard = f"http://{self['head'].address}:{DASHBOARD}"

    def __getitem__(self, name: str) -> Node:
        return self._nodes[name]

    def _node(self, number: int, name: str) -> Node:
        address, within = self.network.add(number)
        common = [
            *("--block", "--disable-usage-stats", f"--node-ip-address={address}"),
            *("--object-store-memory=100000000", "--include-log-monitor=false"),
            # Where ports are given, a node does not wait for its agents; on a busy machine it gives
            # up on them after 15 seconds.
            *(f"--{agent}-port={AGENTS + 10 * number + n}" for n, agent in enumerate(AGENT_PORTS)),
            *(f"--labels=machine={name}", f"--temp-dir={self.folder / name}"),
        ]
        if name == "head":
            common += [
                *("--head", "--num-cpus=0", f"--port={GCS}"),
                *(f"--dashboard-host={address}", f"--dashboard-port={DASHBOARD}"),
                f"--ray-client-server-port={CLIENT}",
            ]
        else:
            has = json.dumps({f"accelerator_type:{WORKERS[name]}": 1})
            common += [
                *(f"--address={self['head'].address}:{GCS}", f"--num-cpus={CPUS}"),
                f"--resources={has}",
            ]
        return Node(address, within, ["ray", "start", *common], self.folder / f"{name}.log")

    def start(self, *names: str) -> None:
        """Starts nodes, one after the other, and waits until the head counts on them."""
        for name in names:
            until(partial(self._there, name), f"start of {name}")

    def _there(self, name: str) -> bool:
        """Starts what does not run: on a busy machine a node may give up on its agents."""
        if not self[name].processes():
            self[name].start(self._environment)
        found = self._new(name)
        self._seen |= found
        return bool(found)

    def _new(self, name: str) -> set[str]:
        """The ids of that node which are alive, and were not before."""
        try:
            reply = httpx.get(f"{self.dashboard}/nodes?view=summary", timeout=10)
        except httpx.HTTPError:
            return set()
        summary = reply.json()["data"]["summary"] if reply.is_success else []
        raylets = [one["raylet"] for one in summary]
        return {
            raylet["nodeId"]
            for raylet in raylets
            if raylet.get("state") == "ALIVE" and raylet["labels"].get("machine") == name
        } - self._seen

    def run(self, *command: str) -> str:
        """Runs a command on the head's machine, as its operator; gives what it prints."""
        done = subprocess.run(
            [*([] if self.network.shared else self["head"].inside()), *command],
            env={**self._environment, "RAY_ADDRESS": f"{self['head'].address}:{GCS}"},
            capture_output=True,
            text=True,
            timeout=60 * MINUTES,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def submit(self, laptop: Path, *entrypoint: str, **options: str) -> "Submitted":
        """``ray job submit`` as users call it, in a folder of theirs."""
        return Submitted(self, laptop, entrypoint, options)

    def environment(self) -> dict[str, str]:
        """That of a machine which is no part of the cluster."""
        left_out = ("PYTHONPATH", "RAY_REDIS_ADDRESS")
        return {key: of for key, of in self._environment.items() if key not in left_out}

    def close(self) -> None:
        """Ends all nodes."""
        for node in self._nodes.values():
            node.kill()


class Submitted:
    """A job under way."""

    def __init__(
        self, nodes: Nodes, laptop: Path, entrypoint: Sequence[str], options: dict[str, str]
    ) -> None:
        flags = [f"--{key.replace('_', '-')}={value}" for key, value in options.items()]
        where = ["--address", nodes.dashboard, "--working-dir", ".", *flags]
        self._process = subprocess.Popen(
            ["ray", "job", "submit", *where, "--", *entrypoint],
            env=nodes.environment(),
            cwd=laptop,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def under_way(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def ended(self) -> tuple[int, str]:
        """Waits for its end; gives the command's exit status, and the job's log."""
        log, _ = self._process.communicate(timeout=60 * MINUTES)
        return self._process.returncode, log

    def succeeded(self) -> str:
        """Waits for its end; gives the job's log."""
        status, log = self.ended()
        assert status == 0, log
        assert "succeeded" in log, log
        return log


def until(holds: Callable[[], bool], what: str, seconds: float = 60 * MINUTES) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"{what}: not within {seconds:g} seconds"
        time.sleep(0.2)


@pytest.fixture(scope="session", name="until")
def until_fixture() -> Callable[..., None]:
    """Waits until something holds."""
    return until


@pytest.fixture(scope="module")
def network() -> Iterator[Namespaces | OneNetwork]:
    """What joins the nodes."""
    if os.geteuid() or not (shutil.which("ip") and shutil.which("nsenter")):
        yield OneNetwork()
        return
    try:
        found: Namespaces | OneNetwork = Namespaces()
    except subprocess.CalledProcessError:  # a container that may not
        found = OneNetwork()
    yield found
    found.close()


@pytest.fixture(scope="module")
def redis(network: Namespaces | OneNetwork) -> Iterator[str | None]:
    """The address of a Redis that keeps what the head knows; None where there is none."""
    if not shutil.which("redis-server"):
        yield None
        return
    command = ["redis-server", "--port", str(REDIS), "--bind", network.here, "--save", ""]
    process = subprocess.Popen([*command, "--protected-mode", "no"], stdout=subprocess.DEVNULL)
    yield f"{network.here}:{REDIS}"
    process.terminate()
    process.wait(30)


@pytest.fixture(scope="module")
def nodes(network: Namespaces | OneNetwork, redis: str | None) -> Iterator[Nodes]:
    """The cluster, for one module of tests; one that kills a node starts it again."""
    with tempfile.TemporaryDirectory(prefix="ray-") as folder, ExitStack() as running:
        cluster = Nodes(network, Path(folder), redis)
        running.callback(cluster.close)
        cluster.start("head")
        cluster.start(*WORKERS)
        yield cluster
