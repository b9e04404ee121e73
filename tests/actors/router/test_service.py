"""Who counts as down, by what Serve says; its own status objects, without a cluster."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from ray.serve.schema import (
    ApplicationStatus,
    ApplicationStatusOverview,
    DeploymentStatus,
    DeploymentStatusOverview,
    DeploymentStatusTrigger,
    ServeStatus,
)

from actors.router.service import Service, who_is_down
from cluster.zoo import Candidate, Zoo


def serving(least: int = 1) -> Service:
    """One candidate, ``a``, whose deployment is ``server`` of the application ``app``."""
    made = {"id": "a", "engine": {"kind": "stand-in"}, "resources": {"min_replicas": least}}
    zoo = Zoo(name="one", candidates=[Candidate.model_validate(made)])
    handle: Any = SimpleNamespace(app_name="app", deployment_name="server")
    nothing: Any = None
    return Service(zoo, rules=nothing, handles={"a": handle}, models={}, aptitudes={})


def status(replicas: Mapping[str, int]) -> ServeStatus:
    states: Any = dict(replicas)
    deployment = DeploymentStatusOverview(
        DeploymentStatus.UPDATING, DeploymentStatusTrigger.UNSPECIFIED, states, ""
    )
    application = ApplicationStatusOverview(
        ApplicationStatus.DEPLOYING, "", 0.0, {"server": deployment}
    )
    return ServeStatus(applications={"app": application})


@pytest.mark.parametrize("state", ["RUNNING", "PENDING_MIGRATION", "RECOVERING"])
def test_who_answers_is_not_down(state: str) -> None:
    assert who_is_down(serving(), status({state: 1, "STOPPING": 2})) == {}


@pytest.mark.parametrize("replicas", [{}, {"STARTING": 1}, {"STOPPING": 1}])
def test_who_has_no_replica_that_answers_is_down(replicas: dict[str, int]) -> None:
    assert who_is_down(serving(), status(replicas)) == {"a": "no replica of it is running"}
    assert who_is_down(serving(least=0), status(replicas)) == {}


def test_a_controller_that_has_just_come_back_calls_nobody_down() -> None:
    assert who_is_down(serving(), ServeStatus()) == {}
