import pytest

from actors.router.latency import MEMORY, Latencies


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_mean_leans_to_what_was_seen_last() -> None:
    clock = Clock()
    latencies = Latencies(clock)
    for seconds in (1.0, 1.0, 3.0):
        with latencies.waiting("a"):
            clock.now += seconds
    assert 1.0 < latencies.expected()["a"] < 2.0
    for _ in range(30):
        with latencies.waiting("a"):
            clock.now += 3.0
    assert latencies.expected()["a"] == pytest.approx(3.0, abs=0.01)


def test_who_waits_now_counts() -> None:
    clock = Clock()
    latencies = Latencies(clock)
    assert latencies.expected() == {}
    with latencies.waiting("a"):
        clock.now += 5.0
        assert latencies.expected() == {"a": 5.0}
        with latencies.waiting("a"):
            clock.now += 1.0
        assert latencies.expected() == {"a": 6.0}
    assert latencies.expected() == {"a": pytest.approx(2.0)}  # 1 s, then 6 s


def test_a_failure_is_no_measurement_and_old_ones_are_forgotten() -> None:
    clock = Clock()
    latencies = Latencies(clock)
    with pytest.raises(KeyError), latencies.waiting("a"):
        raise KeyError
    assert latencies.expected() == {}
    with latencies.waiting("a"):
        clock.now += 9.0
    clock.now += MEMORY + 1
    assert latencies.expected() == {}
    with latencies.waiting("a"):
        clock.now += 1.0
    assert latencies.expected() == {"a": 1.0}
