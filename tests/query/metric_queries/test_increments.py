"""Increases and rates, against cases worked out by hand from OpenTelemetry's data model (resets and gaps)."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.metrics.v1.metrics_pb2 import HistogramDataPoint, NumberDataPoint

from tests.query.metric_queries.feeding import MINUTE, START, feed, numbers, values
from tests.query.service import Service, fresh_tenant
from tests.support.effort import examples
from tests.support.metrics import DELTA, counter, histogram, number
from tests.support.spans import SECOND, key_values

RANGE = {"from": START, "to": START + 6 * MINUTE, "metric": "c"}


def at(minute: float, value: float | None, started: float | None = None) -> NumberDataPoint:
    """A point so many minutes after START; started likewise, None where that was not sent."""
    since = 0 if started is None else round(START + started * MINUTE)
    return number(value, at=round(START + minute * MINUTE), started=since)


def increases(service: Service, tenant: str, points: Sequence[NumberDataPoint], **kind: Any) -> list[float | None]:
    """The increase in each of the six minutes."""
    feed(service, tenant, {"web": [counter("c", *points, **kind)]})
    asked = {**RANGE, "aggregation": "increase", "step": "1m"}
    found = values(service.get("/api/v1/metrics/query_range", asked, tenant=tenant))
    return found.get((), [None] * 6)


CUMULATIVE = {
    "the whole value of the first point of a sequence that began within reach": (
        [at(0.5, 3, started=-1), at(1.5, 5, started=-1)],
        [3, 2, None, None, None, None],
    ),
    "nothing of the first point that is known, where its start is long past": (
        [at(0.5, 300, started=-60), at(1.5, 305, started=-60)],
        [None, 5, None, None, None, None],
    ),
    "nothing of the first point without a start": (
        [at(0.5, 300), at(1.5, 305)],
        [None, 5, None, None, None, None],
    ),
    "the difference to the point before the range, where it is within reach": (
        [at(-1, 10, started=-60), at(0.5, 12, started=-60)],
        [2, None, None, None, None, None],
    ),
    "nothing where the point before is out of reach": (
        [at(-6, 10, started=-60), at(0.5, 12, started=-60)],
        [None, None, None, None, None, None],
    ),
    "a whole value after a restart, also where it is more than before": (
        [at(0.5, 3, started=-1), at(1.5, 8, started=1)],
        [3, 8, None, None, None, None],
    ),
    "a whole value where a new sequence starts at the instant of the last point": (
        [at(0.5, 3, started=-1), at(1.5, 8, started=0.5)],
        [3, 8, None, None, None, None],
    ),
    "a whole value where the value fell, without start times": (
        [at(0.5, 100), at(1.5, 104), at(2.5, 3), at(3.5, 5)],
        [None, 4, 3, 2, None, None],
    ),
    "nothing of a point that starts at its own instant, and the difference from there": (
        [at(0.5, 100, started=0.5), at(1.5, 104, started=0.5), at(3.5, 90, started=3.5), at(4.5, 97, started=3.5)],
        [None, 4, None, None, 7, None],
    ),
    "what was added over a gap, in the minute in which it is known": (
        [at(0.5, 1, started=-1), at(4.5, 9, started=-1)],
        [1, None, None, None, 8, None],
    ),
    "a zero where nothing was added, and null where nothing is known": (
        [at(0.5, 1, started=-1), at(1.5, 1, started=-1)],
        [1, 0, None, None, None, None],
    ),
    "the difference over a point at which nothing was recorded": (
        [at(0.5, 1, started=-1), at(1.5, None, started=-1), at(2.5, 4, started=-1)],
        [1, None, 3, None, None, None],
    ),
    "a point at the end of a minute in that minute": (
        [at(0, 1, started=-1), at(1, 3, started=-1), at(6, 10, started=-1)],
        [2, None, None, None, None, 7],
    ),
    "a point that was sent twice only once": (
        [at(0.5, 3, started=-1), at(1.5, 5, started=-1), at(1.5, 5, started=-1)],
        [3, 2, None, None, None, None],
    ),
    "a start that moved back as the same sequence": (
        [at(0.5, 3, started=-1), at(1.5, 5, started=-2)],
        [3, 2, None, None, None, None],
    ),
}


@pytest.mark.parametrize("case", CUMULATIVE)
def test_a_cumulative_sum_counts(service: Service, tenant: str, case: str) -> None:
    points, expected = CUMULATIVE[case]
    assert increases(service, tenant, points) == expected


def test_a_delta_sum_counts_its_values(service: Service, tenant: str) -> None:
    points = [at(0.5, 3, started=0), at(0.7, 4, started=0.5), at(1.5, 0, started=0.7), at(1.5, 0), at(3, 2.5)]
    assert increases(service, tenant, points, temporality=DELTA) == [7, 0, 2.5, None, None, None]


def test_a_sum_that_is_not_monotonic_may_fall_without_a_restart(service: Service, tenant: str) -> None:
    points = [at(0.5, 3, started=-1), at(1.5, -2, started=-1), at(2.5, 4, started=2)]
    assert increases(service, tenant, points, monotonic=False) == [3, -5, 4, None, None, None]


steps = st.lists(st.tuples(st.integers(0, 9), st.booleans()), min_size=1, max_size=12)


@settings(max_examples=examples(20))
@given(events=steps, with_start=st.booleans())
def test_delta_and_cumulative_say_the_same(service: Service, events: list[tuple[int, bool]], with_start: bool) -> None:
    """events: what was added in each half minute, and whether the process had been restarted before it."""
    tenant = fresh_tenant()
    deltas, totals, total, began = [], [at(-0.25, 0, started=-0.5)], 0, -0.5
    for index, (added, restarted) in enumerate(events):
        minute = index / 2 + 0.25
        if restarted and (with_start or added < total):
            total, began = 0, minute - 0.1
        total += added
        deltas.append(at(minute, added, started=minute - 0.5))
        totals.append(at(minute, total, started=began if with_start else None))
    if not with_start:
        totals[0] = at(-0.25, 0)
    feed(service, tenant, {"web": [counter("c", *deltas, temporality=DELTA)], "cart": [counter("c", *totals)]})
    asked = {**RANGE, "aggregation": "increase", "group_by": "service"}
    over_time = values(service.get("/api/v1/metrics/query_range", {**asked, "step": "1m"}, tenant=tenant))
    whole = numbers(service.get("/api/v1/metrics/query", asked, tenant=tenant))

    added_up = sum(added for added, _ in events)
    assert over_time["web",] == over_time["cart",]
    assert whole == {("web",): added_up, ("cart",): added_up}
    assert sum(value or 0 for value in over_time["web",]) == added_up


def test_a_rate_is_by_the_part_of_the_window_that_has_passed(service: Service, tenant: str) -> None:
    now = time.time_ns()
    feed(service, tenant, {"web": [counter("c", number(60, at=now - 10 * SECOND), temporality=DELTA)]})
    asked = {"metric": "c", "from": now - 60 * SECOND, "to": now + 3600 * SECOND}
    (rate,) = numbers(service.get("/api/v1/metrics/query", asked, tenant=tenant)).values()
    assert 60 / 120 < rate <= 1.001
    past = {"metric": "c", "from": now - 60 * SECOND, "to": now - 5 * SECOND}
    assert numbers(service.get("/api/v1/metrics/query", past, tenant=tenant)) == {(): pytest.approx(60 / 55, rel=1e-4)}


def test_groups_are_the_sums_of_their_series(service: Service, tenant: str) -> None:
    points = [
        number(total * factor, {"host": host, "path": path}, at=START + minute * MINUTE, started=START - MINUTE)
        for minute, total in ((1, 10), (2, 30))
        for host, path, factor in (("a", "/", 1), ("a", "/x", 2), ("b", "/", 4))
    ]
    feed(service, tenant, {"web": [counter("c", *points)]})

    def found(**asked: str) -> Any:
        return numbers(service.get("/api/v1/metrics/query", {**RANGE, **asked}, tenant=tenant))

    assert found(aggregation="increase") == found(aggregation="sum") == {(): 210}
    assert found(aggregation="rate") == {(): pytest.approx(210 / 360)}
    assert found(aggregation="increase", group_by="host") == {("b",): 120, ("a",): 90}
    assert list(found(aggregation="increase", group_by="host")) == [("b",), ("a",)]
    assert found(aggregation="avg") == {(): 70}
    assert found(aggregation="max", group_by="path") == {("/",): 120, ("/x",): 60}
    assert found(aggregation="count", group_by="path") == {("/",): 2, ("/x",): 1}
    assert found(aggregation="p50") == {(): 60}
    assert found(aggregation="max", over_time="rate") == {(): pytest.approx(120 / 360)}
    assert found(aggregation="max", over_time="max") == {(): 120}
    assert found(aggregation="last", group_by="host", q='path = "/"') == {("b",): 120, ("a",): 30}


def test_series_that_are_read_in_several_parts_add_up(service: Service, tenant: str) -> None:
    """Over weeks a few series are read at a time."""
    points = [
        number(total * (host + 1), {"host": str(host)}, at=START + minute * MINUTE, started=START)
        for minute, total in ((1, 1), (2, 3))
        for host in range(40)
    ]
    observed = [
        HistogramDataPoint(
            time_unix_nano=START + MINUTE,
            start_time_unix_nano=START,
            count=host + 1,
            bucket_counts=[host + 1, 0],
            explicit_bounds=[1.0],
            attributes=key_values({"host": str(host)}),
        )
        for host in range(40)
    ]
    feed(service, tenant, {"web": [counter("c", *points), histogram("h", *observed)]})
    long = {"from": START - 28 * 24 * 60 * MINUTE, "to": START + 60 * MINUTE}

    def found(metric: str, **asked: Any) -> Any:
        return numbers(service.get("/api/v1/metrics/query", {**long, "metric": metric, **asked}, tenant=tenant))

    assert found("c", aggregation="increase") == {(): 3 * 820}
    assert found("h", aggregation="count") == {(): 820}
    assert found("h", aggregation="p50") == {(): 0.5}
    by_host = found("c", aggregation="increase", group_by="host")
    assert by_host == {(str(host),): 3 * (host + 1) for host in range(40)}
