"""The journal: every row once while the store works, and a count of those lost when it does not."""

import hashlib
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.router.answered import Answered
from actors.router.journal import Journal
from actors.router.records import read_choices, read_feedback
from cluster.settings import JournalSettings
from cluster.store import Store
from cluster.tables import JOURNAL

MakeAnswered = Callable[..., Answered]
MEBIBYTE = "x" * 2**20


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "store"))


def journal(
    store: Store, dropped: Callable[[int], None] = lambda _: None, **settings: Any
) -> Journal:
    return Journal(store, JournalSettings(**settings), dropped)


def break_store(store: Store) -> Path:
    """A file where the journal's folder belongs: nothing can be written there."""
    Path(store.url).mkdir(parents=True)
    obstacle = Path(store.path("journal"))
    obstacle.touch()
    return obstacle


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_row_says_what_was_chosen_and_what_came_of_it(
    store: Store, make_answered: MakeAnswered
) -> None:
    log = journal(store)
    reasons = {"b": "429: on 'my secret'", "c": "Traceback of 'my secret'"}
    log.record(make_answered(why="fallback", passed_over=reasons, broken="cut", key_name="team"))
    log.close()
    table = read_choices(store)
    assert table.schema == JOURNAL
    (row,) = table.to_pylist()
    assert abs(row.pop("time").timestamp() - time.time()) < 60
    assert row == {
        "response_id": "r1",
        "instruction": None,
        "instruction_sha256": None,
        "model_id": "a",
        "score": 0.75,
        "scores": [{"model_id": "a", "score": 0.75}, {"model_id": "b", "score": 0.25}],
        "selector": None,
        "policy": "best-quality",
        "why": "fallback",
        "passed_over": [
            {"model_id": "b", "reason": "busy"},
            {"model_id": "c", "reason": "other"},
        ],
        "selection_seconds": 0.004,
        "first_seconds": 0.1,
        "seconds": 0.5,
        "prompt_tokens": 12,
        "completion_tokens": 30,
        "cost": 0.0001,
        "broken": True,
        "key_name": "team",
    }


@pytest.mark.parametrize(
    ("text", "kept", "hashed"),
    [("none", False, False), ("hashed", False, True), ("full", True, True)],
)
def test_of_the_text_no_more_is_kept_than_was_set(
    text: str, kept: bool, hashed: bool, store: Store, make_answered: MakeAnswered
) -> None:
    log = journal(store, text=text)
    log.record(make_answered(instruction="half \ud800 of one"))
    log.close()
    (row,) = read_choices(store).to_pylist()
    assert row["instruction"] == ("half ? of one" if kept else None)
    sha256 = hashlib.sha256(b"half ? of one").hexdigest()
    assert row["instruction_sha256"] == (sha256 if hashed else None)
    (file,) = Path(store.url).rglob("*.parquet")
    assert (b"of one" in file.read_bytes()) == kept


@settings(deadline=None, max_examples=40)
@given(
    batches=st.lists(st.integers(1, 40), min_size=1, max_size=4),
    flush_rows=st.integers(1, 60),
    replicas=st.integers(1, 3),
)
def test_no_row_is_lost_or_doubled_while_the_store_works(
    batches: list[int],
    flush_rows: int,
    replicas: int,
    tmp_path_factory: pytest.TempPathFactory,
    make_answered: MakeAnswered,
) -> None:
    store = Store(str(tmp_path_factory.mktemp("store")))
    lost: list[int] = []
    logs = [journal(store, lost.append, flush_rows=flush_rows) for _ in range(replicas)]

    def write(number: int, log: Journal) -> None:
        for batch, rows in enumerate(batches):
            for row in range(rows):
                log.record(make_answered(f"{number}/{batch}/{row}"))
                log.feedback(f"{number}/{batch}/{row}", 1.0, None)

    threads = [threading.Thread(target=write, args=each) for each in enumerate(logs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for log in logs:
        log.close()
    expected = sorted(
        f"{number}/{batch}/{row}"
        for number in range(replicas)
        for batch, rows in enumerate(batches)
        for row in range(rows)
    )
    assert sorted(read_choices(store)["response_id"].to_pylist()) == expected
    assert sorted(read_feedback(store)["response_id"].to_pylist()) == expected
    assert lost == []


def test_rows_are_written_when_enough_have_gathered_or_time_has_passed(
    tmp_path: Path, make_answered: MakeAnswered
) -> None:
    for due in ({"flush_rows": 3}, {"flush_seconds": 0.05}):
        store = Store(str(tmp_path / str(due)))
        log = journal(store, **due)
        for row in range(3):
            log.record(make_answered(f"r{row}"))
        wait_until(lambda store=store: read_choices(store).num_rows == 3)  # type: ignore[misc]
        log.close()


def test_rows_wait_for_a_store_that_is_down(
    store: Store, make_answered: MakeAnswered, caplog: pytest.LogCaptureFixture
) -> None:
    obstacle = break_store(store)
    lost: list[int] = []
    log = journal(store, lost.append, flush_seconds=0.05)
    for row in range(5):
        log.record(make_answered(f"r{row}", instruction="my secret"))
        log.feedback(f"r{row}", 0.0, "my secret")
    wait_until(lambda: "rows wait" in caplog.text)
    time.sleep(0.3)
    assert len(caplog.records) == 1  # once in a while, not once a try
    assert "my secret" not in caplog.text
    obstacle.unlink()
    log.record(make_answered("r5"))
    log.close()
    assert read_choices(store)["response_id"].to_pylist() == [f"r{row}" for row in range(6)]
    assert read_feedback(store).num_rows == 5
    assert lost == []


def test_memory_is_bounded_the_oldest_rows_go_and_are_counted(
    store: Store, make_answered: MakeAnswered
) -> None:
    obstacle = break_store(store)
    lost: list[int] = []
    log = journal(store, lost.append, text="full", buffer_mib=4, flush_seconds=0.01)
    for row in range(20):
        log.record(make_answered(f"r{row}", instruction=MEBIBYTE))
        time.sleep(0.005)  # rows are added while others are being put back
    obstacle.unlink()
    log.close()
    kept = read_choices(store)["response_id"].to_pylist()
    assert kept == sorted(kept, key=lambda id: int(id[1:]))
    assert kept[-3:] == ["r17", "r18", "r19"]
    assert 3 <= len(kept) <= 6  # as many again may be on their way just then
    assert sum(lost) == 20 - len(kept)


def test_what_a_broken_store_never_took_is_counted_when_the_replica_ends(
    store: Store, make_answered: MakeAnswered
) -> None:
    break_store(store)
    lost: list[int] = []
    log = journal(store, lost.append)
    for row in range(7):
        log.record(make_answered(f"r{row}"))
    log.close()
    log.record(make_answered("late"))
    assert sum(lost) == 8


def test_a_row_that_is_none_holds_up_no_others(store: Store, make_answered: MakeAnswered) -> None:
    lost: list[int] = []
    log = journal(store, lost.append, flush_rows=1)
    log.record(make_answered("bad", prompt_tokens="many"))
    wait_until(lambda: lost == [1])
    log.record(make_answered("good"))
    log.close()
    assert read_choices(store)["response_id"].to_pylist() == ["good"]


def test_a_replica_knows_its_latest_answers(store: Store, make_answered: MakeAnswered) -> None:
    log = journal(store)
    for row in range(20_001):
        log.record(make_answered(f"r{row}"))
    assert not log.knows("r0")
    assert log.knows("r1")
    assert log.knows("r20000")
    log.close()


def test_a_candidate_that_no_selector_knows_has_no_score(
    store: Store, make_answered: MakeAnswered
) -> None:
    log = journal(store)
    log.record(make_answered(why="escalation", score=None, selector="s"))
    log.close()
    (row,) = read_choices(store).to_pylist()
    assert (row["score"], row["selector"]) == (None, "s")


def test_a_row_is_taken_down_in_no_time(store: Store, make_answered: MakeAnswered) -> None:
    break_store(store)
    log = journal(store, flush_rows=10)
    answered = make_answered()
    started = time.perf_counter()
    for _ in range(1000):
        log.record(answered)
    assert time.perf_counter() - started < 0.5  # half a millisecond each, and the store is down
    log.close()
