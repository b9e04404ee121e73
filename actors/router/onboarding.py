"""Changes to a router while it serves: a candidate joins or leaves, another selector chooses.

A candidate that joins sits the aptitude test, is started as an application of its own, and only
then entered in the roster (``cluster.roster``), which all replicas look at again and again. Nothing
that serves is restarted, nothing is retrained, and other candidates answer meanwhile.
"""

import time
from typing import Any

from ray import serve
from ray.serve.exceptions import RayServeException

from actors.candidate.online import application_name, start
from actors.examiner.aptitude import planned_test
from actors.examiner.card import CapabilityCard
from actors.examiner.exam import examine
from actors.examiner.records import has_card, load_cards
from actors.router.app import NAME
from actors.router.rules import operator_rules
from actors.selector.checkpoint import tuned_test
from actors.selector.stored import load_stored
from cluster.errors import EngineError, SettingsError, UserError
from cluster.roster import forget, join, leave, read_roster, use_selector
from cluster.settings import Settings
from cluster.store import Store
from cluster.zoo import Zoo, load_zoo

_TAKEN_UP_SECONDS = 120.0


def onboard(settings: Settings, id: str) -> CapabilityCard:
    """Has a candidate of ``settings.zoo`` examined, started and chosen from; returns its card.

    Raises:
        SettingsError: the zoo has no such candidate, it lacks a price that a policy reads, or the
            exam of the settings is not the one that the selector was tuned with.
        UserError: no router serves.
        EngineError: the exam failed, or the candidate did not start.
    """
    store, told = Store(settings.store), _told()
    candidate = load_zoo(settings.zoo).candidate(id)
    if id in told["in_service"]:
        raise SettingsError(f"candidate '{id}' is in service already")
    alone = Zoo(name=id, candidates=[candidate])
    others = {"candidates": None, "escalation": None}  # what names others is not this one's matter
    operator_rules(alone, settings.router.model_copy(update=others))
    card = _card(alone, settings, store)
    if id in told["started_with"]:
        forget(store, id)  # it left before, but its engine still runs
    else:
        start(candidate, store)
        join(store, candidate)
    _wait_until(lambda now: id in now["scored"] and id in now["in_service"], settings)
    return card


def remove(settings: Settings, id: str) -> None:
    """Has a candidate chosen no more, and stops it; what it was asked, it has 20 s to answer.

    Engines of the application itself go on running until it is deployed anew.

    Raises:
        SettingsError: the candidate is not in service, the only one that may be chosen, or the one
            that the router escalates to.
        UserError: no router serves.
    """
    store, told = Store(settings.store), _told()
    if id not in told["in_service"]:
        there = ", ".join(sorted(told["in_service"]))
        raise SettingsError(f"candidate '{id}' is not in service; in service: {there}")
    if told["chosen_from"] == [id] or told["in_service"] == [id]:
        raise SettingsError(f"candidate '{id}' is the only one that may be chosen")
    if told["escalates_to"] == id:
        raise SettingsError(
            f"candidate '{id}' answers what nobody else can (key 'router.escalation'); serve with "
            "another one there first"
        )
    leave(store, id)
    _wait_until(lambda now: id not in now["in_service"], settings)
    if id not in told["started_with"]:
        serve.delete(application_name(id))
        forget(store, id)


def roll_selector(settings: Settings) -> None:
    """Has ``settings.selector_name`` choose from now on.

    Raises:
        SettingsError: one of that name chooses already; replicas tell selectors by their names.
        StoreError: the selector, or the card of a candidate to choose from, is not in the store.
        UserError: no router serves.
        EngineError: the router did not take the selector up.
    """
    store, told = Store(settings.store), _told()
    name = settings.selector_name
    if told["selector"] == name:
        raise SettingsError(
            f"key 'selector_name': '{name}' chooses already; tune under another name, and roll that"
        )
    load_stored(store, name, told["chosen_from"], before=settings.router.filter)
    use_selector(store, name)
    _wait_until(lambda now: now["selector"] == name, settings)


def _card(alone: Zoo, settings: Settings, store: Store) -> CapabilityCard:
    name = read_roster(store).selector_name or settings.selector_name
    test = tuned_test(store.local_folder(f"selectors/{name}"))
    if not has_card(store, test, alone.candidates[0].id):
        planned = planned_test(settings.exam).hash
        if planned != test:
            raise SettingsError(
                f"key 'exam': makes aptitude test {planned}, but selector '{name}' was tuned with "
                f"{test}; give the settings that it was tuned with"
            )
        examine(alone, settings, store)
    return load_cards(store, test, alone.ids())[0]


def _told() -> dict[str, Any]:
    """What the serving router says of itself."""
    try:
        told: dict[str, Any] = serve.get_app_handle(NAME).told.remote().result()
    except RayServeException as error:
        raise UserError(f"no application '{NAME}' serves on this cluster") from error
    return told


def _wait_until(holds: Any, settings: Settings) -> None:
    """Until the router says so; and as long again as a replica needs to hear of it."""
    end = time.monotonic() + _TAKEN_UP_SECONDS
    while not holds(told := _told()):
        if time.monotonic() > end:
            raise EngineError(f"the router did not take the change up; it says: {told}")
        time.sleep(settings.router.watch_seconds / 2)
    time.sleep(2 * settings.router.watch_seconds)
