"""What the service map must say of some spans, by the reference in plain Python."""

from __future__ import annotations

import time
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.support.reference_calls import Ends, reference
from tests.support.spans import CONSUMER, SECOND, SERVER

BOUND = 0.011
HOUR = 3600 * SECOND
LEVELS = {"p50": 50, "p90": 90, "p95": 95, "p99": 99}


def whole_range() -> dict[str, int]:
    """All that a random call graph can hold, clocks that are off included."""
    return {"from": time.time_ns() - 3 * HOUR, "to": time.time_ns() + HOUR}


def check_map(
    spans: Sequence[tuple[str, Span]],
    found: Mapping[str, Any],
    lookback: int = 15,
    traces: Container[bytes] | None = None,
) -> None:
    """AssertionError unless the map says what the spans say, or those of some traces."""
    services = {service for service, _ in spans}
    expected = reference(spans, lookback, traces)
    edges = {ends_of(edge): edge for edge in found["edges"]}
    calls = {resolved(ends, services): count for ends, count in expected.calls.items() if count}
    assert {ends: edge["calls"] for ends, edge in edges.items()} == calls
    for original in calls:
        edge = edges[original]
        (ends,) = {ends for ends in expected.calls if resolved(ends, services) == original}
        assert edge["errors"] == expected.errors[ends]
        assert edge["error_ratio"] == expected.errors[ends] / expected.calls[ends]
        assert edge["unmatched"] == expected.calls[ends] - len(expected.server_ns[ends])
        for name in ("client_ns", "server_ns", "gap_ns"):
            check_percentiles(getattr(expected, name)[ends], edge[name])
    completeness = expected.found / expected.named if expected.named else 1
    assert found["meta"]["completeness"] == completeness
    if traces is None:
        check_nodes(spans, found)
    else:
        check_nodes([sent for sent in spans if sent[1].trace_id in traces], found, error=0)


def check_nodes(spans: Sequence[tuple[str, Span]], found: Mapping[str, Any], *, error: float = BOUND) -> None:
    """Each service and each other end of an edge is a node, once. error: the bound of the services' percentiles."""
    ends = {(edge[side], edge[f"{side}_type"]) for edge in found["edges"] for side in ("client", "server")}
    services = {service for service, _ in spans}
    nodes = [(node["name"], node["type"]) for node in found["nodes"]]
    assert sorted(nodes) == sorted(ends | {(service, "service") for service in services})
    for node in found["nodes"]:
        if node["type"] == "service":
            entries = [one for service, one in spans if service == node["name"] and is_entry(one)]
            assert node["requests"] == len(entries)
            assert node["errors"] == sum(one.status.code == 2 for one in entries)
            bound = error if node["name"] in services else BOUND
            check_percentiles([took(one) for one in entries], node["latency_ns"], error=bound)


def check_percentiles(samples: Sequence[int], found: Mapping[str, Any], *, error: float = BOUND) -> None:
    """Within the stated bound, and a nanosecond of rounding, of numpy's."""
    assert (found["n"], found["error"]) == (len(samples), error)
    for name, level in LEVELS.items():
        if not samples:
            assert found[name] is None
            continue
        exact = float(np.percentile(samples, level))
        assert abs(found[name] - exact) <= error * exact + 1, (name, samples, found)
    assert found["max"] == max(samples, default=None)


def ends_of(edge: Mapping[str, Any]) -> Ends:
    return Ends(edge["client"], edge["client_type"], edge["server"], edge["server_type"], edge["connection"])


def resolved(ends: Ends, services: Iterable[str]) -> Ends:
    """A peer called like a service that sends spans is that service; any other service is external."""
    if ends.server_type in ("service", "external"):
        return replace(ends, server_type="service" if ends.server in services else "external")
    return ends


def is_entry(one: Span) -> bool:
    return one.kind in (SERVER, CONSUMER) or not one.parent_span_id


def took(one: Span) -> int:
    return one.end_time_unix_nano - one.start_time_unix_nano
