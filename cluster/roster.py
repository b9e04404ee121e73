"""Who is in service beside, or in spite of, the zoo file: changes to a router while it runs.

The store holds them, so that every replica of router and selector sees them, and one that starts
later as well:

    router/roster/ID.json   a candidate that joined, or that left
    router/selector.json    the selector in place of the one that the router was started with

One file a candidate: two changes at once do not overwrite each other.
"""

from dataclasses import dataclass

from cluster.settings import validated
from cluster.store import Store
from cluster.zoo import Candidate, Zoo

_FOLDER = "router/roster"
_SELECTOR = "router/selector.json"


@dataclass(frozen=True)
class Roster:
    """What changed since the router was started, or will change the next start."""

    joined: tuple[Candidate, ...] = ()
    left: frozenset[str] = frozenset()
    selector_name: str | None = None

    def zoo(self, started: Zoo) -> Zoo:
        """The zoo in service: the one started with, with who joined, and without who left.

        Who joined and stands in the zoo file by now is who the zoo file says.

        Raises:
            SettingsError: nobody is left.
        """
        joined = [one for one in self.joined if one.id not in started.ids()]
        stayed = [one for one in (*started.candidates, *joined) if one.id not in self.left]
        found = {"name": started.name, "candidates": stayed}
        return validated(Zoo, found, f"zoo '{started.name}' with who joined and left")


def read_roster(store: Store) -> Roster:
    """What the store says now. Raises StoreError, SettingsError if a file is not one of ours."""
    joined, left = [], set()
    for name in store.names(_FOLDER):
        said = store.read_json(f"{_FOLDER}/{name}")
        if said is None:
            left.add(name.removesuffix(".json"))
        else:
            joined.append(validated(Candidate, said, store.url_of(f"{_FOLDER}/{name}")))
    selector = store.read_json(_SELECTOR) if store.exists(_SELECTOR) else None
    return Roster(tuple(joined), frozenset(left), selector)


def join(store: Store, candidate: Candidate) -> None:
    """From now on the candidate is in service."""
    store.write_json(
        f"{_FOLDER}/{candidate.id}.json", candidate.model_dump(mode="json", exclude_unset=True)
    )


def leave(store: Store, id: str) -> None:
    """From now on the candidate is out of service."""
    store.write_json(f"{_FOLDER}/{id}.json", None)


def use_selector(store: Store, name: str) -> None:
    """From now on ``selectors/NAME`` chooses."""
    store.write_json(_SELECTOR, name)


def forget(store: Store, id: str) -> None:
    """The candidate is in service again if the router was started with it, else not."""
    store.delete(f"{_FOLDER}/{id}.json")
