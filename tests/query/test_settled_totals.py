"""What is kept of settled parts is bounded."""

from __future__ import annotations

import numpy as np
from spanhouse_query.service_map.edge_totals import EdgeTotals, all_of, totals_of
from spanhouse_query.service_map.settled_totals import SettledTotals, Stamped
from spanhouse_query.tiers import MINUTES, Part
from spanhouse_query.time_range import TimeRange

MINUTE = 60 * 10**9


def totals(calls: int) -> EdgeTotals:
    empty = totals_of([], ())
    return EdgeTotals([("a", "b")], np.full((1, 6), float(calls)), all_of([empty]).sketches, [])


def part(number: int, stamp: int = 1, tenant: str = "t") -> Stamped:
    return Stamped(tenant, (Part(MINUTES, TimeRange(0, number * MINUTE)),), stamp)


def test_what_nobody_asked_for_the_longest_goes_first() -> None:
    kept = SettledTotals(2 * totals(1).nbytes)
    kept.keep(part(1), totals(1))
    kept.keep(part(2), totals(2))
    assert kept.get(part(1)) is not None

    kept.keep(part(3), totals(3))

    assert [kept.get(part(number)) is not None for number in (1, 2, 3)] == [True, False, True]


def test_what_is_larger_than_all_that_may_be_kept_is_not() -> None:
    kept = SettledTotals(totals(1).nbytes - 1)
    kept.keep(part(1), totals(1))
    assert kept.get(part(1)) is None


def test_tenants_and_stamps_are_kept_apart() -> None:
    kept = SettledTotals()
    kept.keep(part(1), totals(1))
    assert kept.get(part(1, stamp=2)) is None
    assert kept.get(part(1, tenant="other")) is None
