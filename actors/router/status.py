"""What runs where: every deployment of a serving router, its replicas, their nodes, and cards.

Serve knows the replicas; which of its deployments is whose candidate, the router says.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

# Serve shows the nodes of replicas by HTTP alone, where a dashboard runs; this is what that asks.
from ray.serve.context import _get_global_client

from actors.examiner.records import examined_at, has_card
from actors.router.app import NAME
from actors.router.onboarding import told_by_router
from actors.selector.checkpoint import tuned_test
from cluster.settings import Settings
from cluster.store import Store


@dataclass(frozen=True)
class Running:
    """One deployment.

    Attributes:
        name: a candidate's id, else the deployment's own name.
        health: as Serve has it: HEALTHY, UNHEALTHY, UPSCALING and the like.
        replicas: how many are in which of Serve's states: RUNNING, STARTING and the like.
        nodes: addresses of the nodes on which replicas are, and how many there.
        card_written: when a candidate was last examined, for the selector's test; None of one
            that may not be chosen, and of what is no candidate.
    """

    name: str
    health: str
    replicas: Mapping[str, int]
    nodes: Mapping[str, int]
    card_written: datetime | None


def status(settings: Settings) -> list[Running]:
    """All that the router of ``settings`` runs: candidates by id, then the rest.

    Raises:
        UserError: no router serves.
        StoreError: the selector is not in the store.
    """
    told, store = told_by_router(), Store(settings.store)
    applications = _get_global_client().get_serve_details()["applications"]
    name = told["selector"] or settings.selector_name
    test = tuned_test(store.local_folder(f"selectors/{name}"))
    found, candidates = [], dict(told["deployments"])
    for id, (application, deployment) in sorted(candidates.items()):
        said = applications[application]["deployments"][deployment]
        written = examined_at(store, test, id) if has_card(store, test, id) else None
        found.append(_running(id, said, written))
    known = {deployment for _, deployment in candidates.values()}
    rest = applications[NAME]["deployments"]
    return found + [_running(own, rest[own], None) for own in sorted(rest) if own not in known]


def _running(name: str, said: Mapping[str, Any], written: datetime | None) -> Running:
    replicas = said["replicas"]
    return Running(
        name,
        said["status"].value,
        dict(Counter(replica["state"].value for replica in replicas)),
        dict(Counter(replica["node_ip"] for replica in replicas if replica["node_ip"])),
        written,
    )
