"""Calls are spaced by the declared rate, on an injected clock."""

from __future__ import annotations

from onevoice.sdk.throttle import Throttle


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def read(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_calls_are_spaced_by_the_rate() -> None:
    clock = Clock()
    throttle = Throttle(4, clock=clock.read, sleep=clock.sleep)
    starts = []
    for _ in range(5):
        throttle.wait()
        starts.append(clock.now)
    assert starts == [100.0, 100.25, 100.5, 100.75, 101.0]


def test_a_pause_is_not_saved_up_for_a_burst() -> None:
    clock = Clock()
    throttle = Throttle(1, clock=clock.read, sleep=clock.sleep)
    throttle.wait()
    clock.now += 60
    throttle.wait()
    throttle.wait()
    assert clock.now == 161.0


def test_without_a_rate_nothing_waits() -> None:
    clock = Clock()
    throttle = Throttle(None, clock=clock.read, sleep=clock.sleep)
    for _ in range(100):
        throttle.wait()
    assert clock.now == 100.0
