"""What Grafana's service graph and its table of spans ask for, in the words in which it asks."""

from __future__ import annotations

import random
import time

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.query.rolling_up import roll_up
from tests.query.service import Service, fresh_tenant
from tests.query.span_metrics.asking import API, MINUTE
from tests.support.call_graphs import call_graph, segments
from tests.support.spans import SECOND

RANGE = 5400
"""Seconds before `END`: what `$__range` is replaced by."""
END = time.time_ns() // MINUTE * MINUTE + 10 * MINUTE


@pytest.fixture(scope="module")
def sent(service: Service) -> str:
    tenant = fresh_tenant()
    for bodies in segments(random.Random(5), call_graph(random.Random(6), traces=60)):
        service.feed([ExportTraceServiceRequest.FromString(body) for body in bodies], tenant=tenant)
    roll_up(service)
    return tenant


def asked(service: Service, tenant: str, query: str) -> dict[tuple[str, ...], float]:
    """What it answers at the end, by the values of labels in the order of their names."""
    parameters = {"query": query.replace("$__range", f"{RANGE}s"), "time": END / SECOND}
    result = service.get(f"{API}/query", parameters, tenant=tenant)["data"]["result"]
    return {tuple(text for _, text in sorted(one["metric"].items())): float(one["value"][1]) for one in result}


def test_rates_by_client_and_server_are_those_of_the_map(service: Service, sent: str) -> None:
    edges = service.get("/api/v1/service-map", {"from": END - RANGE * SECOND, "to": END}, tenant=sent)["edges"]
    calls: dict[tuple[str, ...], float] = {}
    errors: dict[tuple[str, ...], float] = {}
    for edge in edges:
        ends = (edge["client"], edge["server"])
        calls[ends] = calls.get(ends, 0) + edge["calls"]
        errors[ends] = errors.get(ends, 0) + edge["errors"]

    rates = asked(service, sent, "sum by (client, server) (rate(traces_service_graph_request_total{}[$__range]))")
    failed = asked(
        service, sent, "sum by (client, server) (rate(traces_service_graph_request_failed_total{}[$__range]))"
    )

    assert len(calls) > 5
    assert {ends: rate * RANGE for ends, rate in rates.items()} == pytest.approx(calls, abs=1e-6)
    assert {ends: rate * RANGE for ends, rate in failed.items()} == pytest.approx(errors, abs=1e-6)


def test_mean_seconds_of_a_server_are_near_its_percentiles(service: Service, sent: str) -> None:
    edges = service.get("/api/v1/service-map", {"from": END - RANGE * SECOND, "to": END}, tenant=sent)["edges"]
    seconds = asked(
        service, sent, "sum by (client, server) (rate(traces_service_graph_request_server_seconds_sum{}[$__range]))"
    )
    count = "sum by (client, server) (rate(traces_service_graph_request_server_seconds_count{}[$__range]))"
    counts = asked(service, sent, count)

    for edge in edges:
        view = edge["server_ns"] if edge["server_ns"]["n"] else edge["client_ns"]
        ends = (edge["client"], edge["server"])
        if view["n"] and sum((other["client"], other["server"]) == ends for other in edges) == 1:
            assert round(counts[ends] * RANGE, 6) == view["n"]
            assert 0 < seconds[ends] / counts[ends] <= view["max"] / SECOND * 1.011


def test_quantiles_over_buckets_and_over_native_histograms_are_near_one_another(service: Service, sent: str) -> None:
    classic = asked(
        service,
        sent,
        "histogram_quantile(0.9, sum(rate(traces_service_graph_request_server_seconds_bucket{}[$__range])) "
        "by (le, client, server))",
    )
    native = asked(
        service,
        sent,
        "histogram_quantile(0.9, sum(rate(traces_service_graph_request_server_seconds{}[$__range])) "
        "by (client, server))",
    )

    assert classic.keys() == native.keys() != set()
    for ends, found in classic.items():
        assert native[ends] / 1.5 <= found <= native[ends] * 1.5 or found <= 2**14 * 1e-9


def test_the_kinds_of_connections_are_told_by_group(service: Service, sent: str) -> None:
    parameters = {
        "query": "group by (client, connection_type, server) "
        "(last_over_time(traces_service_graph_request_total{}[2h]))",
        "time": END / SECOND,
    }
    found = service.get(f"{API}/query", parameters, tenant=sent)["data"]["result"]

    kinds = {one["metric"].get("connection_type", "") for one in found}
    assert kinds == {"", "database", "messaging_system", "virtual_node"}


def test_the_table_of_spans(service: Service, sent: str) -> None:
    rate = 'topk(5, sum(rate(traces_spanmetrics_calls_total{span_kind="SPAN_KIND_SERVER"}[$__range])) by (span_name))'
    busiest = asked(service, sent, rate)
    names = "|".join(name for (name,) in busiest)
    errors = asked(
        service,
        sent,
        f'topk(5, sum(rate(traces_spanmetrics_calls_total{{status_code="STATUS_CODE_ERROR",span_name=~"{names}"}}'
        "[$__range])) by (span_name))",
    )
    ((name,), _) = next(iter(busiest.items()))
    of_name = f'traces_spanmetrics_latency_bucket{{span_name=~"{name}"}}'
    duration = asked(service, sent, f"histogram_quantile(.9, sum(rate({of_name}[$__range])) by (le))")

    assert 0 < len(busiest) <= 5
    assert set(errors) <= set(busiest)
    assert duration[()] > 0


def test_what_grafana_replaces_an_empty_selector_by(service: Service, sent: str) -> None:
    both = (
        'sum by (client, server) (rate(traces_service_graph_request_total{client="web"}[$__range])) OR '
        'sum by (client, server) (rate(traces_service_graph_request_total{server="web"}[$__range]))'
    )

    found = asked(service, sent, both)

    assert found
    assert all("web" in ends for ends in found)
