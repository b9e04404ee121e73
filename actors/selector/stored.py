"""A selector as it lies in a store, with the cards of the candidates that it shall choose among."""

from collections.abc import Sequence
from typing import NamedTuple

from actors.examiner.card import CapabilityCard
from actors.examiner.records import load_cards
from actors.selector.cascade import Cascade
from actors.selector.checkpoint import tuned_test
from actors.selector.scorer import Scorer
from actors.selector.scoring import AutoSelector
from cluster.errors import StoreError
from cluster.settings import FilterSettings
from cluster.store import Store


class StoredSelector(NamedTuple):
    """A scorer, and the cards to score with it."""

    scorer: Scorer
    cards: list[CapabilityCard]


def load_stored(
    store: Store,
    name: str,
    ids: Sequence[str],
    device: str = "cpu",
    before: FilterSettings | None = None,
) -> StoredSelector:
    """Loads ``selectors/NAME``, a filter before it if there is one, and the candidates' cards.

    Args:
        store: where they lie.
        name: of the selector.
        ids: the candidates.
        device: where the selectors run.
        before: the selector that leaves few candidates for the other.

    Raises:
        StoreError: a selector or a candidate's card is not in the store, or the two selectors were
            tuned with different aptitude tests.
    """
    folder = store.local_folder(f"selectors/{name}")
    test = tuned_test(folder)
    cards = load_cards(store, test, ids)
    scorer = AutoSelector.from_pretrained(folder, device)
    if before is None:
        return StoredSelector(scorer, cards)
    first = store.local_folder(f"selectors/{before.selector_name}")
    if tuned_test(first) != test:
        raise StoreError(
            f"{store.url_of(f'selectors/{before.selector_name}')}: was tuned with aptitude test "
            f"{tuned_test(first)}, but selector '{name}' with {test} (key 'router.filter')"
        )
    return StoredSelector(
        Cascade(AutoSelector.from_pretrained(first, device), scorer, before.keep), cards
    )
