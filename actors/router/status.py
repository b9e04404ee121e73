"""Which candidate runs where, and how well: what ``model-sat status`` shows of a serving router.

Owns how what Serve, the store and the zoo say becomes one row a candidate, and one each for the
selector and the ingress. Requests and their figures are the metrics' business
(``actors.router.metrics``).
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeAlias

# Ray publishes what its controller knows of replicas through the dashboard only, which a local
# cluster does not have; what it says is published (ray.serve.schema.ServeInstanceDetails).
from ray.serve.context import _get_global_client

from actors.candidate import placement
from actors.candidate.online import application_name, deployment_name
from actors.examiner.aptitude import planned_test
from actors.examiner.records import card_written
from actors.router.app import NAME
from actors.selector.checkpoint import tuned_test
from cluster.roster import Roster, read_roster
from cluster.settings import Settings
from cluster.store import Store
from cluster.zoo import Candidate, VllmEngine, Zoo

Details: TypeAlias = Mapping[str, Any]  # of a deployment, as DeploymentDetails has them
_RUNNING = "RUNNING"


@dataclass(frozen=True)
class Standing:
    """How a part of the router stands.

    Attributes:
        name: a candidate's id, ``selector`` or ``ingress``.
        placement: what one replica asks for, as declared.
        nodes: replicas that run, by the address of their node.
        wanted: replicas that Serve means to have now.
        health: ``healthy``, ``N of M replicas``, ``down``, ``scaled to none``, ``left``, or
            ``not serving``; what Serve says of a failure stands behind it.
        card_written: when its capability card was; None without one, and of other parts.
    """

    name: str
    placement: str
    nodes: Mapping[str, int] = field(default_factory=dict)
    wanted: int = 0
    health: str = "not serving"
    card_written: datetime | None = None

    def replicas(self) -> int:
        """How many run."""
        return sum(self.nodes.values())

    def card_age(self, now: datetime) -> str:
        """In the largest unit that it has two of: minutes, hours or days."""
        if self.card_written is None:
            return ""
        minutes = int((now - self.card_written).total_seconds() // 60)
        for unit, size in (("d", 24 * 60), ("h", 60)):
            if minutes >= 2 * size:
                return f"{minutes // size} {unit}"
        return f"{minutes} min"

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "name": self.name,
            "placement": self.placement,
            "replicas": self.replicas(),
            "wanted": self.wanted,
            "nodes": dict(self.nodes),
            "health": self.health,
            "card_written": self.card_written and self.card_written.isoformat(),
        }


def status(settings: Settings, zoo: Zoo) -> list[Standing]:
    """Candidates of the zoo, those that joined, and the parts that choose among them.

    Raises:
        StoreError, SettingsError: the roster is not one of ours.
    """
    store = Store(settings.store)
    roster, running = read_roster(store), _deployments()
    test = _test(settings, roster, store)
    # Who joined and stands in the zoo file by now is who that says, once it is deployed anew.
    joined = [candidate for candidate in roster.joined if candidate.id not in zoo.ids()]
    rows = [
        _standing(
            candidate.id,
            _declared(candidate),
            running.get(_place(candidate.id, False)) or running.get(_place(candidate.id, True)),
            card_written(store, test, candidate.id),
            left=candidate.id in roster.left,
        )
        for candidate in [*zoo.candidates, *joined]
    ]
    parts = {"SelectorDeployment": "selector", "SelectingIngress": "ingress"}
    for (application, deployment), details in running.items():
        if application == NAME and deployment in parts:
            rows.append(_standing(parts[deployment], "", details))
    return rows


def _standing(
    name: str,
    declared: str,
    details: Details | None,
    written: datetime | None = None,
    left: bool = False,
) -> Standing:
    if details is None:
        return Standing(name, declared, card_written=written)
    here = [one for one in details["replicas"] if one["state"] == _RUNNING]
    nodes = dict(sorted(Counter(str(one["node_ip"]) for one in here).items()))
    wanted = int(details["target_num_replicas"])
    health = "left" if left else _health(len(here), wanted, str(details["message"]))
    return Standing(name, declared, nodes, wanted, health, written)


def _health(running: int, wanted: int, message: str) -> str:
    if not wanted:
        return "scaled to none"
    if running >= wanted:
        return "healthy"
    said = f"{running} of {wanted} replicas" if running else "down"
    return ": ".join([said, *message.strip().splitlines()[:1]])


def _declared(candidate: Candidate) -> str:
    """What a replica asks for: bundles of one node each, and the size of the parallel group."""
    bundles = Counter(_bundle(bundle) for bundle in placement.replica(candidate))
    said = " + ".join(
        f"{count} x ({bundle})" if count > 1 else bundle for bundle, count in bundles.items()
    )
    if not isinstance(candidate.engine, VllmEngine):
        return said
    given = placement.arguments(candidate.engine, candidate.resources)
    return f"{said}, tensor parallel {given.get('tensor_parallel_size', 1)}"


def _bundle(bundle: Mapping[str, float]) -> str:
    kinds = [name.removeprefix("accelerator_type:") for name in bundle if ":" in name]
    amounts = [f"{amount:g} {name}" for name, amount in bundle.items() if ":" not in name]
    return " ".join([", ".join(amounts), *kinds])


def _place(id: str, joined: bool) -> tuple[str, str]:
    return (application_name(id) if joined else NAME), deployment_name(id)


def _deployments() -> dict[tuple[str, str], Details]:
    """All that Serve runs, by application and by name, without the name of its server."""
    client = _get_global_client(raise_if_no_controller_running=False)
    applications = client.get_serve_details()["applications"] if client else {}
    return {
        (application, name.rpartition(":")[2]): details
        for application, of in applications.items()
        for name, details in of["deployments"].items()
    }


def _test(settings: Settings, roster: Roster, store: Store) -> str:
    """Of the cards that the router reads; before a selector is tuned, of those to come."""
    folder = f"selectors/{roster.selector_name or settings.selector_name}"
    if store.has_folder(folder):
        return tuned_test(store.local_folder(folder))
    return planned_test(settings.exam).hash


def table(rows: Sequence[Standing], now: datetime | None = None) -> Iterator[tuple[str, ...]]:
    """The rows as text, a heading first."""
    now = now or datetime.now(UTC)
    yield "candidate", "one replica", "replicas", "nodes", "health", "card"
    for row in rows:
        where = ", ".join(f"{ip} ({n})" if n > 1 else ip for ip, n in row.nodes.items())
        counted = f"{row.replicas()} of {row.wanted}"
        yield row.name, row.placement, counted, where, row.health, row.card_age(now)
