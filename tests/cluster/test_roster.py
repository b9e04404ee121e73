from pathlib import Path

import pytest

from cluster.errors import SettingsError
from cluster.roster import Roster, join, leave, read_roster, use_selector
from cluster.store import Store
from cluster.zoo import Candidate, Price, StandInEngine, Zoo


def candidate(id: str, reply: str = "A") -> Candidate:
    return Candidate(id=id, engine=StandInEngine(kind="stand-in", reply=reply))


ZOO = Zoo(name="small", candidates=[candidate("a"), candidate("b")])


def test_who_joins_is_in_service_and_who_leaves_is_not(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    assert read_roster(store) == Roster()
    assert read_roster(store).zoo(ZOO) == ZOO
    join(store, candidate("c.2"))
    leave(store, "a")
    use_selector(store, "newer")
    roster = read_roster(store)
    assert roster.zoo(ZOO).ids() == ["b", "c.2"]
    assert roster.selector_name == "newer"
    leave(store, "c.2")
    join(store, candidate("a", reply="other"))
    assert read_roster(store).zoo(ZOO) == ZOO  # who stands in the zoo file is as it says


def test_a_price_left_out_stays_left_out(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    join(store, candidate("unpriced"))
    join(store, candidate("free").model_copy(update={"price": Price()}))
    joined = {found.id: found for found in read_roster(store).joined}
    assert "price" not in joined["unpriced"].model_fields_set


def test_somebody_must_stay(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    for id in "ab":
        leave(store, id)
    with pytest.raises(SettingsError, match="zoo 'small' with who joined and left"):
        read_roster(store).zoo(ZOO)
