"""Durations as classic and native histograms, held against the durations themselves and the native API."""

from __future__ import annotations

import math
from bisect import bisect_left

import numpy as np
import pytest

from tests.query.instances import Instance, Traffic
from tests.query.rolling_up import roll_up
from tests.query.service import Service
from tests.query.span_metrics.asking import MINUTE, START, instant, number, numbers, ranged
from tests.support.spans import CLIENT, SECOND, request, span
from tests.support.spans import SERVER as SERVER_KIND

WEB, CART = Instance("web"), Instance("cart")
DURATIONS = [round(2_000_000 * 1.02**n) for n in range(300)]
"""Nanoseconds from 2 ms to 750 ms, in three minutes."""
SERVER, LATENCY = "traces_service_graph_request_server_seconds", "traces_spanmetrics_latency"
QUANTILES = (0.051, 0.503, 0.901, 0.992)
"""Their ranks are no whole numbers, at which rounding would decide."""


@pytest.fixture
def sent(service: Service, tenant: str) -> str:
    traffic = Traffic()
    for number_, duration in enumerate(DURATIONS):
        traffic.calls(WEB, CART, START + number_ % 3 * MINUTE + SECOND, took=duration)
    traffic.queries(CART, "postgresql", START, 2)
    service.feed(traffic.exports(), tenant=tenant)
    roll_up(service)
    return tenant


def ranked(quantile: float) -> float:
    """The duration at that rank as PromQL counts ranks, seconds."""
    return DURATIONS[math.ceil(quantile * len(DURATIONS)) - 1] / 1e9


@pytest.mark.parametrize("quantile", QUANTILES)
def test_quantiles_of_native_histograms_are_within_the_error_that_is_stated(
    service: Service, sent: str, quantile: float
) -> None:
    for rate in (
        f'sum by (server) (rate({SERVER}{{server="cart"}}[3m]))',
        f'sum by (service) (rate({LATENCY}{{service="cart", span_kind="SPAN_KIND_SERVER"}}[3m]))',
        f'{SERVER}{{server="cart"}}',
    ):
        found = number(service, sent, f"histogram_quantile({quantile}, {rate})", 3)
        assert found == pytest.approx(ranked(quantile), rel=0.014)


@pytest.mark.parametrize("quantile", QUANTILES)
def test_quantiles_of_classic_histograms_are_within_their_bucket(service: Service, sent: str, quantile: float) -> None:
    query = f'histogram_quantile({quantile}, sum(rate({SERVER}_bucket{{server="cart"}}[3m])) by (le, client, server))'

    found = number(service, sent, query, 3)

    bounds = [2 ** (n / 2) * 1e-9 for n in range(28, 77)]
    above = bisect_left(bounds, ranked(quantile))
    assert bounds[above - 1] * 0.999 <= found <= bounds[above] * 1.001


def test_each_classic_bucket_counts_exactly(service: Service, sent: str) -> None:
    for name in (f"{SERVER}_bucket", "traces_service_graph_request_client_seconds_bucket"):
        found = numbers(service, sent, f'increase({name}{{server="cart"}}[3m])', 3)
        counts = {dict(labels)["le"]: count for labels, count in found.items()}
        bounds = sorted(counts, key=float)
        assert len(bounds) == 50
        assert bounds[-1] == "+Inf"
        for exponent, bound in zip(range(28, 77), bounds, strict=False):
            assert float(bound) == pytest.approx(2 ** (exponent / 2) * 1e-9, rel=1e-5)
            assert counts[bound] == sum(duration <= 2 ** (exponent / 2) for duration in DURATIONS)
        assert counts["+Inf"] == len(DURATIONS)


def test_bounds_can_be_chosen(service: Service, sent: str) -> None:
    of_cart = f'increase({SERVER}_bucket{{server="cart", le=~"0.0335544|.Inf"}}[3m])'

    found = {dict(labels)["le"]: count for labels, count in numbers(service, sent, of_cart, 3).items()}

    assert found == {"0.0335544": sum(duration <= 2**25 for duration in DURATIONS), "+Inf": len(DURATIONS)}


def test_sums_and_counts(service: Service, sent: str) -> None:
    total = sum(DURATIONS) / 1e9
    of_server = '{service="cart", span_kind="SPAN_KIND_SERVER"}'

    assert number(service, sent, f"increase({LATENCY}_sum{of_server}[3m])", 3) == pytest.approx(total, rel=1e-9)
    assert number(service, sent, f'increase({SERVER}_sum{{server="cart"}}[3m])', 3) == pytest.approx(total, rel=0.011)
    for query in (
        f"increase({LATENCY}_count{of_server}[3m])",
        f'increase({SERVER}_count{{server="cart"}}[3m])',
        f'histogram_count(increase({SERVER}{{server="cart"}}[3m]))',
        f"histogram_count({LATENCY}{of_server})",
    ):
        assert number(service, sent, query, 3) == len(DURATIONS)
    sums = f'histogram_sum(increase({SERVER}{{server="cart"}}[3m]))'
    assert number(service, sent, sums, 3) == pytest.approx(total, rel=0.011)


def test_a_peer_that_sends_no_spans_took_as_long_as_its_client_saw(service: Service, sent: str) -> None:
    of_database = '{server="postgresql"}'

    assert number(service, sent, f"increase({SERVER}_count{of_database}[3m])", 3) == 2
    assert number(service, sent, f"increase({SERVER}_sum{of_database}[3m])", 3) == pytest.approx(0.002)


def test_quantiles_agree_with_the_map_and_with_latency(service: Service, sent: str) -> None:
    asked = {"from": START, "to": START + 3 * MINUTE}
    edges = service.get("/api/v1/service-map", asked, tenant=sent)["edges"]
    (edge,) = [edge for edge in edges if edge["server"] == "cart"]
    operations = service.get("/api/v1/services/cart/operations", asked, tenant=sent)["operations"]
    (operation,) = [one for one in operations if one["kind"] == "server"]

    for name, quantile in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99)):
        query = f'histogram_quantile({quantile}, rate({SERVER}{{server="cart"}}[3m]))'
        found = number(service, sent, query, 3)
        # Ranks are counted otherwise here and there, which is one of these durations, 2 %, at most.
        assert found == pytest.approx(edge["server_ns"][name] / 1e9, rel=0.014 + 0.011 + 0.02)
        assert found == pytest.approx(operation["latency_ns"][name] / 1e9, rel=0.014 + 0.011 + 0.02)


def test_native_histograms_over_steps_hold_each_minute(service: Service, sent: str) -> None:
    (found,) = ranged(service, sent, f'increase({SERVER}{{server="cart"}}[1m])', (1, 3), 60)

    for minute, (_, histogram) in enumerate(found["histograms"]):
        own = DURATIONS[minute::3]
        assert float(histogram["count"]) == len(own)
        assert float(histogram["sum"]) == pytest.approx(sum(own) / 1e9, rel=0.011)
        placed = np.repeat(
            [math.sqrt(float(low) * float(high)) for _, low, high, _ in histogram["buckets"]],
            [int(count) for *_, count in histogram["buckets"]],
        )
        assert placed == pytest.approx(np.array(own) / 1e9, rel=0.014)


def test_the_samples_of_native_histograms_are_cumulative(service: Service, sent: str) -> None:
    (found,) = instant(service, sent, f'{SERVER}{{server="cart"}}[3m]', 3)

    counts = [float(histogram["count"]) for _, histogram in found["histograms"]]
    assert (
        counts[-1] == len(DURATIONS) if START // (86_400 * SECOND) == (START + 3 * MINUTE) // (86_400 * SECOND) else 1
    )
    assert len(counts) == 3


def test_sampled_spans_count_as_often_as_they_stand_for(service: Service, tenant: str) -> None:
    out = span(kind=CLIENT, start=START, parent=b"\1" * 8, duration=20_000_000)
    into = span(kind=SERVER_KIND, start=START, parent=out, duration=20_000_000)
    for one in (out, into):
        one.trace_state = "ot=th:c"  # a quarter of all
    service.feed([request({"web": [out], "cart": [into]})], tenant=tenant)
    roll_up(service)

    for query in (
        "increase(traces_service_graph_request_total[1m])",
        f"increase({SERVER}_count[1m])",
        f'increase({SERVER}_bucket{{le="+Inf"}}[1m])',
        f"histogram_count(increase({SERVER}[1m]))",
        'increase(traces_spanmetrics_calls_total{service="cart"}[1m])',
        f'increase({LATENCY}_count{{service="cart"}}[1m])',
    ):
        assert number(service, tenant, query, 1) == 4
