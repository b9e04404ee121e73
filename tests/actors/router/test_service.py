"""How many replicas serve, by what Serve says; its own status objects, without a cluster."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from ray.serve.schema import ServeStatus

from actors.router.service import Service, count_replicas
from cluster.zoo import Candidate, Zoo


def serving(least: int = 1) -> Service:
    """One candidate, ``a``, whose deployment is ``server`` of the application ``app``."""
    made = {"id": "a", "engine": {"kind": "stand-in"}, "resources": {"min_replicas": least}}
    zoo = Zoo(name="one", candidates=[Candidate.model_validate(made)])
    handle: Any = SimpleNamespace(app_name="app", deployment_name="server")
    nothing: Any = None
    return Service(zoo, rules=nothing, handles={"a": handle}, models={}, aptitudes={})


@pytest.mark.parametrize("state", ["RUNNING", "PENDING_MIGRATION", "RECOVERING"])
def test_who_answers_counts(state: str, make_status: Callable[..., ServeStatus]) -> None:
    status = make_status("server", {state: 1, "STOPPING": 2})
    assert count_replicas(serving(), status) == {"a": 1}


@pytest.mark.parametrize("replicas", [{}, {"STARTING": 1}, {"STOPPING": 1}])
def test_who_does_not_answer_does_not_count(
    replicas: dict[str, int], make_status: Callable[..., ServeStatus]
) -> None:
    status = make_status("server", replicas)
    assert count_replicas(serving(), status) == {"a": 0}
    assert count_replicas(serving(least=0), status) == {"a": None}


def test_a_controller_that_has_just_come_back_cannot_count() -> None:
    assert count_replicas(serving(), ServeStatus()) == {"a": None}
