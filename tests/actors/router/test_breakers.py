import asyncio
import time

import pytest

from actors.router.breakers import Breakers, LeftOutError
from cluster.settings import BreakerSettings


def fail(breakers: Breakers, id: str, error: type[BaseException] = ConnectionError) -> None:
    with pytest.raises(error), breakers.calling(id):
        raise error


def test_a_candidate_that_keeps_failing_is_left_out_and_tried_again() -> None:
    told: list[tuple[str, str]] = []
    breakers = Breakers(
        BreakerSettings(failures=2, seconds=0.1), lambda id, state: told.append((id, state))
    )
    fail(breakers, "a")
    with breakers.calling("a"):
        pass  # a success in between: not two failures in a row
    fail(breakers, "a")
    fail(breakers, "a")
    with pytest.raises(LeftOutError), breakers.calling("a"):
        raise AssertionError("an open breaker lets nothing through")
    with breakers.calling("b"):
        pass  # another candidate is not touched by it
    time.sleep(0.15)
    fail(breakers, "a")  # tried again, and failed again: open at once
    with pytest.raises(LeftOutError), breakers.calling("a"):
        pass
    time.sleep(0.15)
    with breakers.calling("a"):
        pass
    states = ["open", "half-open", "open", "half-open", "closed"]
    assert told == [("a", state) for state in states]


def test_one_call_at_a_time_tries_whether_a_candidate_is_well() -> None:
    breakers = Breakers(BreakerSettings(failures=1, seconds=0.01))
    fail(breakers, "a")
    time.sleep(0.02)
    with breakers.calling("a"), pytest.raises(LeftOutError), breakers.calling("a"):
        raise AssertionError("another one hangs as well, if the first does")
    with breakers.calling("a"), breakers.calling("a"):
        pass


def test_a_caller_who_leaves_or_errs_is_no_failure() -> None:
    told: list[str] = []
    breakers = Breakers(
        BreakerSettings(failures=1), lambda id, state: told.append(state), forgiven=[LookupError]
    )
    fail(breakers, "a", asyncio.CancelledError)
    fail(breakers, "a", LookupError)
    assert told == []


def test_a_call_that_is_given_up_says_nothing() -> None:
    told: list[str] = []
    breakers = Breakers(
        BreakerSettings(failures=2, seconds=0.1), lambda id, state: told.append(state)
    )
    fail(breakers, "a")
    fail(breakers, "a", asyncio.CancelledError)
    fail(breakers, "a")  # two failures, and no success between them
    time.sleep(0.15)
    fail(breakers, "a", asyncio.CancelledError)  # tried again, and still not known to be well
    assert told == ["open", "half-open", "open"]
    with pytest.raises(LeftOutError), breakers.calling("a"):
        pass


def test_a_breaker_holds_across_awaits() -> None:
    breakers = Breakers(BreakerSettings(failures=2, seconds=60))

    async def call() -> None:
        with breakers.calling("a"):
            await asyncio.sleep(0.01)
            raise ConnectionError

    async def calls() -> list[BaseException | None]:
        return await asyncio.gather(*(call() for _ in range(3)), return_exceptions=True)

    assert [type(error) for error in asyncio.run(calls())] == [ConnectionError] * 3
    with pytest.raises(LeftOutError), breakers.calling("a"):
        pass
