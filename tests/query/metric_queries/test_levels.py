"""How much there is: gauges and sums that are not monotonic, over time and over series."""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.query.metric_queries.feeding import MINUTE, START, feed, numbers, values
from tests.query.service import Service, fresh_tenant
from tests.support.effort import examples
from tests.support.metrics import counter, gauge, number
from tests.support.spans import SECOND

RANGE = {"from": START, "to": START + 6 * MINUTE, "metric": "g"}


def over_time(service: Service, tenant: str, **asked: Any) -> Any:
    return values(service.get("/api/v1/metrics/query_range", {**RANGE, "step": "1m", **asked}, tenant=tenant))


def whole(service: Service, tenant: str, **asked: Any) -> Any:
    return numbers(service.get("/api/v1/metrics/query", {**RANGE, **asked}, tenant=tenant))


def test_the_last_value_stands_until_it_is_stale_or_not_recorded_any_more(service: Service, tenant: str) -> None:
    points = [
        number(1.0, {"host": "a"}, at=START - 30 * SECOND),
        number(2.0, {"host": "a"}, at=START + 90 * SECOND),
        number(10.0, {"host": "b"}, at=START + 10 * SECOND),
        number(None, {"host": "b"}, at=START + 150 * SECOND),
    ]
    feed(service, tenant, {"web": [gauge("g", *points)]})

    assert over_time(service, tenant, aggregation="sum", staleness="2m") == {(): [11, 12, 2, None, None, None]}
    assert over_time(service, tenant, aggregation="sum") == {(): [11, 12, 2, 2, 2, 2]}
    assert over_time(service, tenant, aggregation="count") == {(): [2, 2, 1, 1, 1, 1]}
    assert whole(service, tenant, aggregation="sum", group_by="host") == {("a",): 2}
    assert whole(service, tenant, aggregation="sum", staleness="1m") == {}


def test_values_are_of_the_points_in_the_step_unless_the_last_is_asked_for(service: Service, tenant: str) -> None:
    points = [number(value, at=START + second * SECOND) for second, value in ((1, 4.0), (60, 2.0), (61, 9.0))]
    points.append(number(None, at=START + 30 * SECOND))
    feed(service, tenant, {"web": [gauge("g", *points)]})
    nothing = [None] * 4

    for how, expected in {"avg": [3, 9], "min": [2, 9], "max": [4, 9], "sum": [6, 9], "count": [2, 1]}.items():
        assert over_time(service, tenant, aggregation="max", over_time=how) == {(): [*expected, *nothing]}
    assert over_time(service, tenant) == over_time(service, tenant, aggregation="avg") == {(): [3, 9, *nothing]}
    assert over_time(service, tenant, aggregation="last") == {(): [2, 9, 9, 9, 9, 9]}


def test_a_sum_that_is_not_monotonic_is_a_level(service: Service, tenant: str) -> None:
    points = [number(value, {"host": host}, at=START + 90 * SECOND) for host, value in (("a", 5), ("b", -2))]
    feed(service, tenant, {"web": [counter("g", *points, monotonic=False)]})
    assert whole(service, tenant) == {(): 3}


def test_the_last_value_of_a_group_is_that_of_the_newest_point(service: Service, tenant: str) -> None:
    points = [
        number(7.0, {"host": "a"}, at=START + 100 * SECOND),
        number(8.0, {"host": "b"}, at=START + 110 * SECOND),
        number(9.0, {"host": "a"}, at=START + 170 * SECOND),
    ]
    feed(service, tenant, {"web": [gauge("g", *points)]})
    assert over_time(service, tenant, aggregation="last") == {(): [None, 8, 9, 9, 9, 9]}


numbers_of_hosts = st.lists(
    st.lists(st.floats(-1e6, 1e6, allow_subnormal=False), min_size=1, max_size=4), min_size=1, max_size=8
)


@settings(max_examples=examples(20))
@given(hosts=numbers_of_hosts, percentile=st.sampled_from([0, 25, 50, 95, 99.9, 100]))
def test_what_is_made_of_series_is_what_numpy_makes_of_them(
    service: Service, hosts: list[list[float]], percentile: float
) -> None:
    tenant = fresh_tenant()
    points = [
        number(value, {"host": str(host)}, at=START + (90 + index) * SECOND)
        for host, sent in enumerate(hosts)
        for index, value in enumerate(sent)
    ]
    feed(service, tenant, {"web": [gauge("g", *points)]})
    means, last = [float(np.mean(sent)) for sent in hosts], [sent[-1] for sent in hosts]

    expected = {
        ("avg", None): np.mean(means),
        ("sum", None): np.sum(last),
        ("min", None): min(map(min, hosts)),
        ("max", None): max(map(max, hosts)),
        ("count", None): len(hosts),
        (f"p{percentile}", None): np.percentile(last, percentile),
        (f"p{percentile}", "avg"): np.percentile(means, percentile),
        ("sum", "count"): sum(map(len, hosts)),
        ("min", "max"): min(map(max, hosts)),
    }
    for (aggregation, how), value in expected.items():
        asked = {"aggregation": aggregation, **({"over_time": how} if how else {})}
        found = whole(service, tenant, **asked)[()]
        assert found == pytest.approx(float(value), rel=1e-9, abs=1e-6), (aggregation, how)


def test_not_a_number_and_infinity_are_told_from_nothing(service: Service, tenant: str) -> None:
    sent = {"nan": math.nan, "up": math.inf, "down": -math.inf, "zero": 0.0}
    points = [number(value, {"host": host}, at=START + 61 * SECOND) for host, value in sent.items()]
    feed(service, tenant, {"web": [gauge("g", *points)]})

    found = over_time(service, tenant, group_by="host")

    assert {host: series[:2] for (host,), series in found.items()} == {
        "nan": [None, "NaN"],
        "up": [None, "Infinity"],
        "down": [None, "-Infinity"],
        "zero": [None, 0],
    }
    assert whole(service, tenant, aggregation="sum") == {(): "NaN"}
    assert whole(service, tenant, aggregation="p50") == {(): "NaN"}
    assert whole(service, tenant, aggregation="max", q='host in ("up", "zero")') == {(): "Infinity"}


def test_a_step_that_has_not_ended_has_the_value_of_now(service: Service, tenant: str) -> None:
    now = time.time_ns()
    feed(service, tenant, {"web": [gauge("g", number(5.0, at=now - 2 * SECOND))]})
    asked = {"from": now, "to": now + 2 * 86_400 * SECOND, "step": "1d", "aggregation": "last"}
    ((first, *later),) = over_time(service, tenant, **asked).values()
    assert (first, set(later)) == (5, {None})


def test_groups_are_by_service_point_and_resource_and_null_where_they_have_none(service: Service, tenant: str) -> None:
    there = START + 90 * SECOND
    feed(
        service,
        tenant,
        {"web": [gauge("g", number(1.0, {"host.name": "p", "a,b": ""}, at=there), number(2.0, at=there))]},
        resource={"host.name": "r"},
    )
    feed(service, tenant, {"cart": [gauge("g", number(4.0, at=there))]})

    def by(names: str) -> Any:
        return whole(service, tenant, aggregation="sum", group_by=names)

    assert by("service") == {("cart",): 4, ("web",): 3}
    assert by("host.name") == {(None,): 4, ("r",): 2, ("p",): 1}
    assert by("point.host.name") == {(None,): 6, ("p",): 1}
    assert by("resource.host.name") == by('resource."host.name"') == {(None,): 4, ("r",): 3}
    assert by('service, point."a,b"') == {("cart", None): 4, ("web", None): 2, ("web", ""): 1}
    names = service.get("/api/v1/metrics/query", {**RANGE, "group_by": 'service,resource.x,point."a,b"'}, tenant=tenant)
    assert list(names["groups"][0]["group"]) == ["service", "resource.x", "point.a,b"]


def test_filters_are_those_of_spans(service: Service, tenant: str) -> None:
    points = [number(2.0**bit, {"host": f"h{bit}", "n": bit}, at=START + 90 * SECOND) for bit in range(4)]
    feed(service, tenant, {"web": [gauge("g", *points)]}, resource={"zone": "a"})
    feed(service, tenant, {"cart": [gauge("g", number(64.0, at=START + 90 * SECOND))]})

    def where(q: str) -> Any:
        return whole(service, tenant, aggregation="sum", q=q).get(())

    assert where('host = "h1" or n = 3') == 10
    assert where("n >= 2") == 12
    assert where('not host =~ "^h[01]$"') == 76
    assert where('service = "cart"') == 64
    assert where('zone = "a" and host != "h0"') == 14
    assert where('resource."zone" exists and point."n" in (0, 1)') == 3
    assert where("n = 99") is None
