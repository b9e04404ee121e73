from collections.abc import Callable

from actors.router.answered import Answered
from actors.router.live import Live


def test_counts_are_of_who_is_in_service(make_answered: Callable[..., Answered]) -> None:
    live = Live()
    passed_over = {"b": "503: out", "c": "no replica of it is running"}
    live.answered(make_answered())
    live.answered(make_answered(why="fallback", passed_over=passed_over))
    live.answered(make_answered(candidate="b", broken="left"))
    live.breaker("b", "open")
    told = live.told(["a", "b"], {"b": "no replica of it is running"}, {"a": 0.5})
    assert told["answered"] == 3
    assert told["candidates"] == {
        "a": {
            "answered": 2,
            "fallbacks": 1,
            "broken": 0,
            "passed_over": {},
            "breaker": "closed",
            "down": None,
            "expected_seconds": 0.5,
        },
        "b": {
            "answered": 1,
            "fallbacks": 0,
            "broken": 1,
            "passed_over": {"refused": 1},
            "breaker": "open",
            "down": "no replica of it is running",
            "expected_seconds": None,
        },
    }


def test_a_breaker_that_is_gone_is_told_no_more() -> None:
    live = Live()
    live.breaker("a", "open")
    live.breaker("a", None)
    assert live.told(["a"], {}, {})["candidates"]["a"]["breaker"] == "closed"
