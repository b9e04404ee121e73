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


@dataclass(frozen=True)
class Service:
    """Who is in service, by which rules, and how each is reached."""

    zoo: Zoo
    rules: Rules
    handles: Mapping[str, CandidateHandle]
    models: Mapping[str, Any]
    aptitudes: Mapping[str, float]
    kept_up: frozenset[str]  # never without a replica, but when all of them died
    missing: frozenset[str]  # joined, but no application of theirs runs

    def is_down(self, id: str) -> bool:
        """Whether no replica of a candidate is left.

        Never of one that may scale to none, nor of who left: what still waits for it may end.
        """
        return id in self.kept_up and self.handles[id].left == 0


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
        kept_up=frozenset(one.id for one in there.candidates if one.resources.min_replicas),
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


def _model(candidate: Candidate, card: CapabilityCard | None, store: Store) -> Any:
    """What ``/v1/models`` tells of a candidate; no capability of one that may not be chosen."""
    told = card.model_dump(mode="json", include={"test", "tasks", "notes"}) if card else None
    config = llm_config(candidate, store)
    return to_model_metadata(candidate.id, config, {"capability": told} if told else {})
