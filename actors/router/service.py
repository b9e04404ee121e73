"""Who is in service right now, as one ingress replica knows it: looked at again and again.

Candidates of the zoo that the application was built with are deployments of it; one that joined
later is an application of its own (``actors.router.onboarding``). Either is reached by a handle.
"""

from collections.abc import Container, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from ray import serve

# Ray's ingress shows models as these, and does not publish what makes them.
from ray.llm._internal.serve.core.configs.openai_api_models import to_model_metadata
from ray.serve.exceptions import RayServeException
from ray.serve.handle import DeploymentHandle
from ray.serve.schema import ServeStatus

from actors.candidate.handle import CandidateHandle
from actors.candidate.online import application_name, ingress_handle, llm_config
from actors.examiner.card import CapabilityCard
from actors.examiner.records import load_cards
from actors.router.rules import Rules, operator_rules
from actors.selector.checkpoint import tuned_test
from cluster.roster import Roster
from cluster.settings import RouterSettings
from cluster.store import Store
from cluster.zoo import Candidate, Zoo

# Serve sends requests to these. Who moves to another node, and who is found again after the
# controller was lost, still answers.
_SERVING = ("RUNNING", "PENDING_MIGRATION", "RECOVERING")


@dataclass(frozen=True)
class Service:
    """Who is in service, by which rules, and how each is reached."""

    zoo: Zoo
    rules: Rules
    handles: Mapping[str, CandidateHandle]
    models: Mapping[str, Any]
    aptitudes: Mapping[str, float]
    missing: frozenset[str] = frozenset()  # joined, but no application of theirs runs


def service(
    zoo: Zoo,
    roster: Roster,
    router: RouterSettings,
    selector_name: str,
    store: Store,
    handles: Mapping[str, DeploymentHandle],
) -> Service:
    """The service that zoo and roster make.

    Args:
        zoo: that the application was built with.
        roster: what changed since.
        router: how it chooses.
        selector_name: that the application was built with.
        store: where cards lie.
        handles: of the candidates that the application was built with.

    Raises:
        SettingsError, StoreError: a candidate that joined lacks a price, a card or its model.
    """
    found = {**handles, **_joined_handles(roster, handles)}
    missing = frozenset(candidate.id for candidate in roster.joined) - found.keys()
    there = replace(roster, left=roster.left | missing).zoo(zoo)
    if router.candidates is not None:  # who joined was asked to; who left cannot be chosen
        named = {*router.candidates, *(candidate.id for candidate in roster.joined)}
        router = router.model_copy(
            update={"candidates": tuple(id for id in there.ids() if id in named)}
        )
    rules = operator_rules(there, router)
    name = roster.selector_name or selector_name
    test = tuned_test(store.local_folder(f"selectors/{name}"))
    cards = {card.model_id: card for card in load_cards(store, test, rules.candidates)}
    return Service(
        zoo=there,
        rules=rules,
        handles={one.id: ingress_handle(one, found[one.id]) for one in there.candidates},
        models={one.id: _model(one, cards.get(one.id), store) for one in there.candidates},
        aptitudes={id: card.mean_accuracy() for id, card in cards.items()},
        missing=missing,
    )


def _joined_handles(roster: Roster, built_with: Container[str]) -> dict[str, DeploymentHandle]:
    """Handles of who joined, by id, as far as their applications run.

    On a cluster that was started anew they may not: nothing may hang on that.
    """
    found = {}
    for candidate in roster.joined:
        if candidate.id not in built_with:
            with suppress(RayServeException):  # there is no such application
                found[candidate.id] = serve.get_app_handle(application_name(candidate.id))
    return found


def count_replicas(serving: Service, status: ServeStatus) -> dict[str, int | None]:
    """How many replicas of each candidate serve, by id; None of those that may scale to none."""
    return {
        candidate.id: serving_replicas(serving.handles[candidate.id], status)
        if candidate.resources.min_replicas
        else None
        for candidate in serving.zoo.candidates
    }


def serving_replicas(handle: CandidateHandle | DeploymentHandle, status: ServeStatus) -> int | None:
    """How many of a deployment's replicas serve.

    None if the status does not name the application: a controller that has just come back knows
    none yet, while replicas go on answering.
    """
    application = status.applications.get(handle.app_name)
    if application is None:
        return None
    deployment = application.deployments.get(handle.deployment_name)
    states = deployment.replica_states if deployment else {}
    return sum(int(states.get(state, 0)) for state in _SERVING)


def _model(candidate: Candidate, card: CapabilityCard | None, store: Store) -> Any:
    """What ``/v1/models`` tells of a candidate; no capability of one that may not be chosen."""
    told = card.model_dump(mode="json", include={"test", "tasks", "notes"}) if card else None
    config = llm_config(candidate, store)
    return to_model_metadata(candidate.id, config, {"capability": told} if told else {})
