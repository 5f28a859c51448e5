"""The service map is what every span and its parent say, whatever order and batches they arrived in."""

from __future__ import annotations

import random
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.query.service import Service, fresh_tenant
from tests.support.spans import (
    CLIENT,
    CONSUMER,
    MILLISECOND,
    PRODUCER,
    SECOND,
    SERVER,
    request,
    span,
)

NOW = time.time_ns()
START = NOW - 600 * SECOND
END = START + 60 * SECOND
RANGE = {"from": START, "to": END}
SERVICES = ["web", "cart", "pay", 'a "quoted" \\ one']


@dataclass(frozen=True)
class Sent:
    """A span and the service it is of."""

    service: str
    span: Span


@st.composite
def traces(draw: st.DrawFn) -> list[Sent]:
    """Forests of spans; some parents are never sent, some start out of the range, some out of reach."""
    seed = random.Random(draw(st.integers(0, 2**32)))
    sent: list[Sent] = []
    for _ in range(draw(st.integers(1, 4))):
        members: list[Span] = []
        for _ in range(draw(st.integers(1, 8))):
            parent: Span | bytes = b""
            choice = draw(st.sampled_from(["root", "known", "known", "known", "lost"]))
            if choice == "known" and members:
                parent = draw(st.sampled_from(members))
            elif choice == "lost":
                parent = seed.randbytes(8)
            one = span(
                draw(st.sampled_from(["get", "put"])),
                trace_id=members[0].trace_id if members else seed.randbytes(15) + b"\0",
                span_id=seed.randbytes(7) + b"\0",
                parent=parent,
                kind=draw(st.sampled_from(Span.SpanKind.values())),
                start=START
                + draw(
                    st.sampled_from(
                        [-1, 0, 1, 60 * SECOND - 1, 60 * SECOND, -800 * SECOND, -901 * SECOND, 959 * SECOND]
                    )
                ),
                duration=draw(st.integers(0, 10**10)),
                error=draw(st.booleans()),
            )
            members.append(one)
            sent.append(Sent(draw(st.sampled_from(SERVICES)), one))
    return sent


def batches(sent: Sequence[Sent], size: int) -> list[ExportTraceServiceRequest]:
    """Requests of at most `size` spans, in the order given."""
    found = []
    for first in range(0, len(sent), size):
        by_service: dict[str, list[Span]] = defaultdict(list)
        for one in sent[first : first + size]:
            by_service[one.service].append(one.span)
        found.append(request(by_service))
    return found


def percentiles(values: Sequence[int]) -> dict[str, Any]:
    """By numpy's definition, which is the map's."""
    levels = {"p50": 50, "p90": 90, "p95": 95, "p99": 99}
    named = {name: float(np.percentile(values, level)) if values else None for name, level in levels.items()}
    return {**named, "n": len(values)}


def close(expected: dict[str, Any], found: dict[str, Any]) -> bool:
    """Equal but for rounding to whole nanoseconds."""
    return all(
        (expected[name] is None) == (found[name] is None)
        and (expected[name] is None or abs(expected[name] - found[name]) <= 0.5 + 1e-6)
        for name in expected
    )


def duration(one: Span) -> int:
    return one.end_time_unix_nano - one.start_time_unix_nano


def connection(parent: Span, child: Span) -> str:
    if parent.kind == PRODUCER or child.kind == CONSUMER:
        return "messaging"
    return "rpc" if parent.kind == CLIENT or child.kind == SERVER else "internal"


def check_against_brute_force(sent: Sequence[Sent], found: dict[str, Any]) -> None:
    """Compare a map with one made by looking at every pair of spans."""
    inside = [one for one in sent if START <= one.span.start_time_unix_nano < END]
    reach = 900 * SECOND
    candidates = [one for one in sent if START - reach <= one.span.start_time_unix_nano < END + reach]
    pairs: dict[tuple[str, str, str], list[tuple[Span, Span]]] = defaultdict(list)
    halves: Counter[str] = Counter()
    missing: Counter[str] = Counter()
    for child in inside:
        if not child.span.parent_span_id:
            continue
        parents = [
            one
            for one in candidates
            if (one.span.trace_id, one.span.span_id) == (child.span.trace_id, child.span.parent_span_id)
        ]
        if child.span.kind in (SERVER, CONSUMER):
            halves[child.service] += 1
            missing[child.service] += not parents
        for parent in parents:
            if parent.service != child.service:
                key = parent.service, child.service, connection(parent.span, child.span)
                pairs[key].append((parent.span, child.span))

    assert sorted(pairs) == [(edge["client"], edge["server"], edge["connection"]) for edge in found["edges"]]
    for edge in found["edges"]:
        members = pairs[edge["client"], edge["server"], edge["connection"]]
        client = [duration(parent) for parent, _ in members if parent.kind in (CLIENT, PRODUCER)]
        gap = [
            max(0, duration(parent) - duration(child))
            for parent, child in members
            if parent.kind == CLIENT and edge["connection"] == "rpc"
        ]
        failed = [parent.trace_id.hex() for parent, child in members if 2 in (parent.status.code, child.status.code)]
        assert (edge["calls"], edge["errors"]) == (len(members), len(failed))
        assert close(percentiles(client), edge["client_ns"])
        assert close(percentiles([duration(child) for _, child in members]), edge["server_ns"])
        assert close(percentiles(gap), edge["gap_ns"])
        slowest = max(members, key=lambda pair: (duration(pair[1]), pair[1].trace_id))[1].trace_id.hex()
        assert edge["exemplars"][0] == slowest
        assert not failed or min(failed) in edge["exemplars"]

    total = sum(halves.values())
    assert found["meta"]["completeness"] == pytest.approx(1 - sum(missing.values()) / total if total else 1)
    by_service = defaultdict(list)
    for one in inside:
        by_service[one.service].append(one.span)
    assert sorted(by_service) == [node["name"] for node in found["nodes"]]
    for node in found["nodes"]:
        entries = [one for one in by_service[node["name"]] if one.kind in (SERVER, CONSUMER) or not one.parent_span_id]
        assert node["requests"] == len(entries)
        assert node["errors"] == sum(one.status.code == 2 for one in entries)
        assert node["unmatched"] == missing[node["name"]]
        assert close(percentiles([duration(one) for one in entries]), node["latency_ns"])


@settings(max_examples=25, deadline=None)
@given(sent=traces(), order=st.randoms(use_true_random=False), size=st.sampled_from([1, 3, 100]))
def test_equals_what_every_pair_of_spans_says(
    service: Service, sent: list[Sent], order: random.Random, size: int
) -> None:
    tenant = fresh_tenant()
    shuffled = list(sent)
    order.shuffle(shuffled)
    for batch in batches(shuffled, size):
        service.feed([batch], tenant=tenant, received_at=NOW)

    check_against_brute_force(sent, service.get("/api/v1/service-map", RANGE, tenant=tenant))


def calling(*names: str, calls: int = 1) -> dict[str, list[Span]]:
    """Each service calls the next one, `calls` times, in traces of their own."""
    spans: dict[str, list[Span]] = defaultdict(list)
    for _ in range(calls):
        server = span("GET", kind=SERVER, start=START, duration=SECOND)
        spans[names[0]].append(server)
        for caller, callee in pairwise(names):
            client = span("GET", kind=CLIENT, parent=server, start=START, duration=SECOND // 2)
            server = span("GET", kind=SERVER, parent=client, start=START + MILLISECOND, duration=SECOND // 4)
            spans[caller].append(client)
            spans[callee].append(server)
    return spans


def edges(found: dict[str, Any]) -> list[tuple[str, str]]:
    return [(edge["client"], edge["server"]) for edge in found["edges"]]


def test_focuses_on_a_service_and_what_is_so_many_calls_away(service: Service, tenant: str) -> None:
    service.feed([request(calling("a", "b", "c", "d", "e"))], tenant=tenant)

    near = service.get("/api/v1/service-map", {**RANGE, "service": "c"}, tenant=tenant)
    far = service.get("/api/v1/service-map", {**RANGE, "service": "c", "depth": 2}, tenant=tenant)
    unknown = service.get("/api/v1/service-map", {**RANGE, "service": "x"}, tenant=tenant)

    assert edges(near) == [("b", "c"), ("c", "d")]
    assert [node["name"] for node in near["nodes"]] == ["b", "c", "d"]
    assert edges(far) == [("a", "b"), ("b", "c"), ("c", "d"), ("d", "e")]
    assert (unknown["nodes"], unknown["edges"]) == ([], [])


def test_leaves_out_edges_with_few_calls(service: Service, tenant: str) -> None:
    service.feed([request(calling("a", "b", calls=3)), request(calling("a", "c"))], tenant=tenant)

    found = service.get("/api/v1/service-map", {**RANGE, "min_calls": 2}, tenant=tenant)

    assert edges(found) == [("a", "b")]
    assert [node["name"] for node in found["nodes"]] == ["a", "b", "c"]


def test_finds_no_parent_beyond_the_lookback(service: Service, tenant: str) -> None:
    parent = span(kind=CLIENT, start=START - 10 * SECOND)
    child = span(kind=SERVER, start=START, parent=parent)
    service.feed([request({"web": [parent], "cart": [child]})], tenant=tenant)

    short = service.get("/api/v1/service-map", {**RANGE, "lookback": "9s"}, tenant=tenant)
    long = service.get("/api/v1/service-map", {**RANGE, "lookback": "10s"}, tenant=tenant)

    assert (edges(short), short["meta"]["completeness"]) == ([], 0)
    assert (edges(long), long["meta"]["completeness"]) == ([("web", "cart")], 1)


def test_draws_itself_for_graphviz_and_mermaid(service: Service, tenant: str) -> None:
    service.feed([request(calling("web", 'the "cart" \\ <1>', calls=2))], tenant=tenant)

    dot = service.response("/api/v1/service-map", {**RANGE, "format": "dot"}, tenant=tenant)
    mermaid = service.response("/api/v1/service-map", {**RANGE, "format": "mermaid"}, tenant=tenant)

    assert '"web" -> "the \\"cart\\" \\\\ <1>" [label="2"];' in dot.text
    assert mermaid.text.splitlines() == [
        "flowchart LR",
        '  s0["the &quot;cart&quot; \\ &lt;1&gt;"]',
        '  s1["web"]',
        "  s1 -->|2| s0",
    ]


def test_has_nothing_to_say_of_an_empty_store(service: Service, tenant: str) -> None:
    found = service.get("/api/v1/service-map", tenant=tenant)

    assert (found["nodes"], found["edges"]) == ([], [])
    assert (found["meta"]["completeness"], found["meta"]["freshness"]) == (1, None)
