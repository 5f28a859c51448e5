"""What the rollup has not reached yet counts as well."""

from __future__ import annotations

import time

import pytest

from tests.query.instances import Instance, Traffic
from tests.query.service import Service
from tests.query.span_metrics.asking import API, MINUTE, START, numbers
from tests.support.spans import SECOND

WEB, CART = Instance("web"), Instance("cart")
TOTAL = "traces_service_graph_request_total"


def test_calls_that_are_not_rolled_up_are_matched(service: Service, tenant: str) -> None:
    traffic = Traffic()
    for minute in range(4):
        traffic.calls(WEB, CART, START + minute * MINUTE, minute + 1, failed=1)
    service.feed(traffic.exports(), tenant=tenant)

    for first, last in ((0, 4), (1, 3), (3, 4)):
        grown = numbers(service, tenant, f"increase({TOTAL}[{last - first}m])", last)
        assert list(grown.values()) == [sum(range(first + 1, last + 1))]


def test_the_minute_that_is_under_way_counts_as_far_as_it_is_known(service: Service, tenant: str) -> None:
    traffic = Traffic()
    now = time.time_ns()
    traffic.calls(WEB, CART, now, 6)
    traffic.calls(WEB, CART, now - now % MINUTE - MINUTE, 3)
    service.feed(traffic.exports(), tenant=tenant)

    asked = {"time": time.time_ns() / SECOND}
    queries = (f'sum(increase({TOTAL}{{server="cart"}}[3m]))', f'sum({TOTAL}{{server="cart"}})')
    found = [
        float(service.get(f"{API}/query", {"query": query, **asked}, tenant=tenant)["data"]["result"][0]["value"][1])
        for query in queries
    ]

    assert found[0] == pytest.approx(9)
