"""Counters made from spans grow by what happened, minute by minute."""

from __future__ import annotations

import pytest

from tests.query.instances import Instance, Traffic
from tests.query.rolling_up import roll_up
from tests.query.service import Service
from tests.query.span_metrics.asking import MINUTE, START, instant, number, numbers, ranged
from tests.support.spans import MILLISECOND, SECOND

WEB, CART, DATABASE = Instance("web"), Instance("cart"), "postgresql"
TOTAL, FAILED = "traces_service_graph_request_total", "traces_service_graph_request_failed_total"
WEB_CART = (("client", "web"), ("server", "cart"))
CALLS = [3, 1, 4, 1, 5, 9]
"""How often web calls cart in each minute from START on."""


@pytest.fixture
def sent(service: Service, tenant: str) -> str:
    traffic = Traffic()
    for minute, calls in enumerate(CALLS):
        traffic.calls(WEB, CART, START + minute * MINUTE + 20 * SECOND, calls, failed=1, took=20 * MILLISECOND)
    traffic.requests(WEB, START + 2 * MINUTE, 2)
    traffic.queries(CART, DATABASE, START + 2 * MINUTE, 4, failed=2)
    traffic.messages(CART, "orders", Instance("mail"), START + 3 * MINUTE, 2)
    service.feed(traffic.exports(), tenant=tenant)
    roll_up(service)
    return tenant


def test_increases_of_whole_minutes_are_the_calls_of_these(service: Service, sent: str) -> None:
    for first in range(len(CALLS)):
        for last in range(first + 1, len(CALLS) + 1):
            grown = numbers(service, sent, f"increase({TOTAL}[{last - first}m])", last)
            assert grown[WEB_CART] == sum(CALLS[first:last])
    assert number(service, sent, f'rate({TOTAL}{{server="cart"}}[6m])', 6) == pytest.approx(sum(CALLS) / 360)
    assert number(service, sent, f'increase({FAILED}{{server="cart"}}[6m])', 6) == len(CALLS)


def test_what_happens_within_a_minute_is_spread_over_it(service: Service, sent: str) -> None:
    of_cart = f'increase({TOTAL}{{server="cart"}}'

    assert number(service, sent, f"{of_cart}[30s])", 4.75) == pytest.approx(CALLS[4] / 2)
    assert number(service, sent, f"{of_cart}[90s])", 5) == pytest.approx(CALLS[3] / 2 + CALLS[4])
    assert number(service, sent, f"{of_cart}[1m])", 5.25) == pytest.approx(CALLS[4] * 0.75 + CALLS[5] * 0.25)


def test_a_counter_has_a_sample_for_each_minute_with_calls_and_starts_with_the_day(service: Service, sent: str) -> None:
    (found,) = instant(service, sent, f'{TOTAL}{{server="cart"}}[6m]', 6)
    instants = [instant_ for instant_, _ in found["values"]]
    growth = [float(value) for _, value in found["values"]]

    assert instants == [START // SECOND + 60 * minute for minute in range(1, 7)]
    day = {one // 86_400 for one in instants[:-1]}
    assert len(day) > 1 or growth == [sum(CALLS[: minute + 1]) for minute in range(6)]


def test_kinds_of_connections_are_named_as_the_service_graph_has_them(service: Service, sent: str) -> None:
    grown = numbers(service, sent, f"increase({TOTAL}[6m])", 6)

    def labels(client: str, kind: str, server: str) -> tuple[tuple[str, str], ...]:
        return (("client", client), ("connection_type", kind), ("server", server))

    assert grown == {
        WEB_CART: sum(CALLS),
        labels("user", "virtual_node", "web"): 2,
        labels("cart", "database", DATABASE): 4,
        labels("cart", "messaging_system", "orders"): 2,
        labels("orders", "messaging_system", "mail"): 2,
    }


@pytest.mark.parametrize(
    ("matchers", "clients"),
    [
        ('client="web"', {"web"}),
        ('client!="web"', {"user", "cart", "orders"}),
        ('connection_type=~"database|virtual.*"', {"cart", "user"}),
        ('connection_type=""', {"web"}),
        ('client=~".+", server!~"cart|mail"', {"user", "cart"}),
        ('nothing=""', {"web", "user", "cart", "orders"}),
        ('nothing="x"', set()),
    ],
)
def test_matchers_choose_among_them(service: Service, sent: str, matchers: str, clients: set[str]) -> None:
    found = instant(service, sent, f"increase({TOTAL}{{{matchers}}}[6m])", 6)

    assert {one["metric"]["client"] for one in found} == clients


def test_a_series_stays_for_five_minutes_after_its_last_call(service: Service, sent: str) -> None:
    query = f'rate({TOTAL}{{server="{DATABASE}"}}[1m])'

    found = {
        minutes: [float(one["value"][1]) for one in instant(service, sent, query, minutes)]
        for minutes in (2, 3, 4, 7.9, 8.1)
    }

    assert found == {2: [], 3: [4 / 60], 4: [0.0], 7.9: [0.0], 8.1: []}
    assert instant(service, sent, f'{TOTAL}{{server="{DATABASE}"}}', 8) == []
    assert number(service, sent, f'{TOTAL}{{server="{DATABASE}"}}', 7.9) == 4


def test_spans_are_counted_by_service_name_kind_and_status(service: Service, sent: str) -> None:
    calls = "traces_spanmetrics_calls_total"
    grown = numbers(service, sent, f'sum by (span_kind, status_code) (increase({calls}{{service="cart"}}[6m]))', 6)

    def labels(kind: str, status: str) -> tuple[tuple[str, str], ...]:
        return (("span_kind", f"SPAN_KIND_{kind}"), ("status_code", f"STATUS_CODE_{status}"))

    assert grown == {
        labels("SERVER", "ERROR"): len(CALLS),
        labels("SERVER", "UNSET"): sum(CALLS) - len(CALLS),
        labels("CLIENT", "ERROR"): 2,
        labels("CLIENT", "UNSET"): 2,
        labels("PRODUCER", "UNSET"): 2,
    }
    errors = f'increase({calls}{{status_code="STATUS_CODE_ERROR", span_kind="SPAN_KIND_SERVER"}}[6m])'
    assert {dict(one)["service"]: value for one, value in numbers(service, sent, errors, 6).items()} == {"cart": 6}


def test_the_native_api_counts_the_same_spans_and_calls(service: Service, sent: str) -> None:
    asked = {"from": START, "to": START + 6 * MINUTE}
    latency = service.get(
        "/api/v1/latency", {**asked, "group_by": "service", "spans": "all", "step": "1m"}, tenant=sent
    )
    for series in latency["series"]:
        name = series["group"]["service"]
        query = f'sum(increase(traces_spanmetrics_calls_total{{service="{name}"}}[1m]))'
        (found,) = ranged(service, sent, query, (1, 6), 60)
        steps = [point["requests"] for point in series["points"]]
        there = [count for at, count in enumerate(steps) if any(steps[: at + 1])]
        assert [float(value) for _, value in found["values"]] == there
    by_ends = numbers(service, sent, f"sum by (client, server) (increase({TOTAL}[6m]))", 6)
    edges = service.get("/api/v1/service-map", asked, tenant=sent)["edges"]
    assert {(dict(ends)["client"], dict(ends)["server"]): n for ends, n in by_ends.items()} == {
        (edge["client"], edge["server"]): edge["calls"] for edge in edges
    }


def test_other_functions_see_the_samples(service: Service, sent: str) -> None:
    of_cart = f'{TOTAL}{{server="cart"}}'

    assert number(service, sent, f"count_over_time({of_cart}[6m])", 6) == 6
    assert number(service, sent, f"resets({of_cart}[6m])", 6) <= 1
    assert number(service, sent, f"irate({of_cart}[6m])", 6) == pytest.approx(CALLS[-1] / 60)
    assert number(service, sent, f"present_over_time({of_cart}[1m])", 3) == 1
    assert number(service, sent, f"sum(increase({of_cart}[3m] offset 3m))", 6) == sum(CALLS[:3])
    assert number(service, sent, f"max_over_time(increase({of_cart}[1m])[6m:1m])", 6) == max(CALLS)


@pytest.mark.parametrize(
    "query",
    [
        'traces_service_graph_request_server_seconds_bucket{le="0.123"}',
        'sum by (le) (rate(traces_service_graph_request_server_seconds_bucket{le="0.123"}[5m]))',
        'sum(rate(traces_service_graph_request_server_seconds_bucket{le="0.123"}[5m]))',
        'rate(traces_spanmetrics_latency{service="nobody"}[5m])',
        'sum(rate(traces_spanmetrics_latency{service="nobody"}[5m]))',
        'traces_spanmetrics_latency{service="nobody"}',
        f"{TOTAL} offset 30d",
        f"rate({TOTAL}[5m] @ 0)",
        f"{TOTAL} @ 0",
        f"rate({TOTAL}[5m] @ 9e10)",
        'traces_spanmetrics_latency_bucket{le="0.123"}[5m]',
    ],
)
def test_nothing_is_found_where_nothing_is(service: Service, sent: str, query: str) -> None:
    assert instant(service, sent, query, 6) == []


def test_sums_are_those_of_the_series_that_they_are_of(service: Service, sent: str) -> None:
    bucket = "traces_service_graph_request_server_seconds_bucket"
    each = numbers(service, sent, f"increase({bucket}[5m])", 5.5)

    for keys in (("le",), ("client", "le"), ("client",), ()):
        expected: dict[tuple[tuple[str, str], ...], float] = {}
        for labels, value in each.items():
            group = tuple(pair for pair in labels if pair[0] in keys)
            expected[group] = expected.get(group, 0) + value
        by = f"by ({', '.join(keys)})"
        assert numbers(service, sent, f"sum {by} (increase({bucket}[5m]))", 5.5) == pytest.approx(expected)
        counts = numbers(service, sent, f"count {by} (increase({bucket}[5m]))", 5.5)
        assert sum(counts.values()) == len(each)
        groups = numbers(service, sent, f"group {by} ({bucket})", 6)
        assert groups == dict.fromkeys(expected, 1.0)
    left = f"sum without (server, connection_type) (increase({bucket}[5m]))"
    by_client = f"sum by (client, le) (increase({bucket}[5m]))"
    assert numbers(service, sent, left, 5.5) == pytest.approx(numbers(service, sent, by_client, 5.5))
