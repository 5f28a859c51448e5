"""Who is refused is told to come again when it is likely to be let in."""

from __future__ import annotations

import pytest
from spanhouse_collector.admission.drain import Drain
from spanhouse_collector.admission.retry_after import LONGEST, SHORTEST, retry_after
from spanhouse_collector.admission.trouble import Trouble

from tests.collector.clock import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.mark.parametrize(("seconds", "least"), [(0.0, SHORTEST), (5.0, 5.0), (1e9, LONGEST)])
def test_waits_have_bounds_and_are_spread(seconds: float, least: float) -> None:
    told = {retry_after(seconds) for _ in range(200)}
    assert min(told) >= least
    assert max(told) <= 1.5 * least
    assert max(told) - min(told) > 0.3 * least


def test_what_leaves_steadily_will_go_on_so(clock: Clock) -> None:
    drain = Drain(clock)
    for _ in range(60):
        clock.now += 1
        drain.leave(100)
    assert drain.seconds_for(500) == pytest.approx(5, rel=0.1)


@pytest.mark.parametrize("apart", [6, 12, 25])
def test_what_leaves_slowly_has_a_rate_too(clock: Clock, apart: float) -> None:
    drain = Drain(clock)
    for _ in range(10):
        clock.now += apart
        drain.leave(100)
    assert drain.seconds_for(500) == pytest.approx(5 * apart, rel=0.1)


def test_idle_time_is_not_slowness(clock: Clock) -> None:
    drain = Drain(clock)
    for _ in range(60):
        clock.now += 1
        drain.leave(100)
    clock.now += 3600
    drain.begin()
    clock.now += 1
    assert drain.seconds_for(500) == pytest.approx(5, rel=0.2)


def test_while_nothing_leaves_the_waits_grow_until_something_does_again(clock: Clock) -> None:
    drain = Drain(clock)
    for _ in range(60):
        clock.now += 1
        drain.leave(100)
    waits = []
    for _ in range(10):
        clock.now += 10
        waits.append(drain.seconds_for(500))
    assert waits == sorted(waits)
    assert waits[-1] > LONGEST
    for _ in range(20):
        clock.now += 1
        drain.leave(100)
    assert drain.seconds_for(500) < 8


def test_what_never_left_is_waited_for_as_long_as_it_has_stood(clock: Clock) -> None:
    drain = Drain(clock)
    drain.begin()
    clock.now += 7
    assert drain.seconds_for(500) == 7


def test_trouble_is_waited_for_as_long_again(clock: Clock) -> None:
    trouble = Trouble(clock)
    told = []
    for wait in (0, 1, 1, 2, 4, 8):
        clock.now += wait
        told.append(trouble.lasts())
    assert told == [0, 1, 2, 4, 8, 16]
    trouble.is_over()
    assert trouble.lasts() == 0


def test_trouble_that_stayed_away_begins_anew(clock: Clock) -> None:
    trouble = Trouble(clock)
    trouble.lasts()
    clock.now += 20
    assert trouble.lasts() == 20
    clock.now += 3 * LONGEST
    assert trouble.lasts() == 0
