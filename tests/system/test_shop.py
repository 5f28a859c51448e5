"""Real input: what the demo shop and services in Node.js sent is what the map and the percentiles show."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from spanhouse_demo.plan import kinds_of
from spanhouse_demo.third_party import FRAUD_HOST
from spanhouse_demo.topology import CATALOG_SQLITE, EDGES, QUEUE, SERVICES, expected_calls, expected_failures

from tests.cli.running import Running, serving
from tests.demo.node_service import FAILS_EVERY, installed_services
from tests.demo.shop_process import shop
from tests.support.polling import eventually
from tests.support.spans import request
from tests.support.spans import span as any_span
from tests.system.api import all_traces, ask, is_stored, promql, send, spans_of

JOURNEYS = 20
SEED = 11
BOUND = 0.011
MIB = 1 << 20
HTTP_SERVICES = {"storefront", "catalog", "cart", "checkout"}
ENTRY = (Span.SPAN_KIND_SERVER, Span.SPAN_KIND_CONSUMER)


@dataclass
class Endpoint:
    grpc_url: str
    http_url: str


def endpoint_of(running: Running) -> Endpoint:
    return Endpoint(f"http://{running.addresses['otlp_grpc']}", f"http://{running.addresses['otlp_http']}")


def edges(service_map: dict[str, Any]) -> dict[tuple[str, str], tuple[str, int]]:
    return {(edge["client"], edge["server"]): (edge["connection"], edge["calls"]) for edge in service_map["edges"]}


def test_the_shop_is_mapped_call_by_call_and_measured_within_the_bound(running: Running, tmp_path: Path) -> None:
    run = ("--journeys", str(JOURNEYS), "--seed", str(SEED), "--rate", "10")
    with shop(tmp_path, endpoint_of(running), *run) as process:
        assert process.await_exit(80) == 0, process.output
    eventually(lambda: is_stored(running) or None)

    kinds = kinds_of(SEED, JOURNEYS)
    calls, failures = expected_calls(kinds), expected_failures(kinds)
    service_map = ask(running, "service-map")
    assert edges(service_map) == {
        (edge.client, edge.server): (edge.connection, calls[edge]) for edge in EDGES if calls[edge]
    }
    assert service_map["meta"]["completeness"] == 1
    peers = {(CATALOG_SQLITE.server, "database"), (QUEUE, "messaging"), (FRAUD_HOST, "external")}
    assert {(node["name"], node["type"]) for node in service_map["nodes"]} == peers | {
        (service.name, "service") for service in SERVICES
    }
    (waiting,) = (edge for edge in service_map["edges"] if edge["client"] == QUEUE)
    assert waiting["gap_ns"]["n"] == waiting["calls"]
    assert waiting["gap_ns"]["p50"] > 0
    # The callee's failures are the plan's; a caller may count more (a 404 is an error to the client alone).
    for edge in service_map["edges"]:
        ends = (edge["client"], edge["server"])
        assert edge["errors"] >= sum(count for known, count in failures.items() if (known.client, known.server) == ends)

    _percentiles_agree(running)
    _metrics_agree(running)


def _metrics_agree(running: Running) -> None:
    """What the services counted themselves is what their spans tell."""
    spans = Counter(
        service
        for trace in all_traces(running)
        for service, span in spans_of(running, trace["trace_id"])
        if span.kind == Span.SPAN_KIND_SERVER and service in HTTP_SERVICES
    )
    counted = promql(running, "sum by (job) (last_over_time(http_server_request_duration_seconds_count[1h]))")
    assert {labels["job"]: value for labels, value in counted} == {
        f"shop/{service}": count for service, count in spans.items()
    }
    (memory,) = promql(running, 'last_over_time(process_memory_usage_bytes{job="shop/catalog"}[1h])')
    assert memory[1] > MIB
    (idle,) = promql(running, 'sum(last_over_time(system_cpu_time_seconds_total{state="idle"}[1h]))')
    assert idle[1] > 0


def _percentiles_agree(running: Running) -> None:
    durations: dict[tuple[str, str, str], list[int]] = defaultdict(list)
    for trace in all_traces(running):
        for service, span in spans_of(running, trace["trace_id"]):
            kind = Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_").lower()
            durations[service, span.name, kind].append(span.end_time_unix_nano - span.start_time_unix_nano)
    compared = 0
    for service in {service for service, _, _ in durations}:
        for row in ask(running, f"services/{service}/operations")["operations"]:
            raw = durations.pop((service, row["operation"], row["kind"]))
            assert row["requests"] == row["latency_ns"]["n"] == len(raw)
            for name, q in (("p50", 50), ("p95", 95), ("p99", 99)):
                assert row["latency_ns"][name] == pytest.approx(np.percentile(raw, q), rel=BOUND)
                compared += 1
            assert row["latency_ns"]["max"] == max(raw)
    assert durations == {}
    assert compared > 30


def test_services_in_node_are_mapped(running: Running, pytestconfig: pytest.Config) -> None:
    traces = 25
    installed_services(pytestconfig).send(f"http://{running.addresses['otlp_http']}", traces)
    eventually(lambda: is_stored(running) or None)
    service_map = ask(running, "service-map")
    (edge,) = (edge for edge in service_map["edges"] if edge["client"] == "node-web")
    assert (edge["server"], edge["connection"], edge["calls"]) == ("node-api", "rpc", traces)
    assert edge["errors"] == traces // FAILS_EVERY
    assert Counter(trace["root_service"] for trace in all_traces(running)) == {"node-web": traces}
    for name, job in (("client", "node/node-web"), ("server", "node/node-api")):
        (counted,) = promql(running, f"sum by (job) ({{__name__=~'http_{name}_.*duration.*_count'}})")
        assert counted == ({"job": job}, traces)


def test_what_spanhouse_counts_of_itself_can_be_asked_of_it(tmp_path: Path) -> None:
    with serving("up", tmp_path / "data", "--self-metrics-interval=1s", "--metrics-segment-age=100ms") as running:
        send(running, request({"web": [any_span(), any_span()]}))

        def counted() -> bool:
            found = promql(running, "spanhouse_spans_accepted_total", tenant="_spanhouse")
            return [(labels["tenant"], labels["job"], value) for labels, value in found] == [
                ("default", "spanhouse", 2)
            ]

        eventually(lambda: counted() or None)
        assert running.stop() == 0
