"""With `q` the map is that of the traces which have a span in the range that satisfies it."""

from __future__ import annotations

import random
import time
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.query.reference_map import check_map, whole_range
from tests.query.reference_traces import FILTERS, satisfying
from tests.query.service import Service, fresh_tenant
from tests.support.call_graphs import call_graph, segments
from tests.support.effort import examples
from tests.support.spans import CLIENT, CONSUMER, MILLISECOND, PRODUCER, SECOND, SERVER, Value, request, span

MINUTE = 60 * SECOND
START = (time.time_ns() // MINUTE - 10) * MINUTE
RANGE = {"from": START, "to": START + MINUTE}
MAP = "/api/v1/service-map"


@settings(max_examples=examples(8), deadline=None, phases=[Phase.explicit, Phase.generate])  # to shrink takes minutes
@given(st.integers(0, 2**32))
def test_equals_the_reference_of_these_traces(service: Service, seed: int) -> None:
    tenant = fresh_tenant()
    rnd = random.Random(seed)
    spans = call_graph(rnd, traces=12)
    for bodies in segments(rnd, spans):
        service.feed([ExportTraceServiceRequest.FromString(body) for body in bodies], tenant=tenant)

    for q in rnd.sample(FILTERS, 3):
        found = service.get(MAP, {**whole_range(), "q": q}, tenant=tenant)

        check_map(spans, found, traces=satisfying(spans, q))
        assert (found["meta"]["tier"], found["meta"]["live"]) == ("raw", found["meta"]["effective"])


def visit(route: str, *, start: int = START, error: bool = False, attributes: dict[str, Value] | None = None) -> Any:
    """A user at web, which calls cart, which asks redis; `attributes` are of cart's SERVER span."""
    entry = span("GET", kind=SERVER, start=start, duration=SECOND, attributes={"http.route": route})
    asks = span("GET", kind=CLIENT, parent=entry, start=start + MILLISECOND)
    answers = span(
        "GET", kind=SERVER, parent=asks, start=start + 2 * MILLISECOND, error=error, attributes=attributes or {}
    )
    looks_up = span(
        "GET", kind=CLIENT, parent=answers, start=start + 3 * MILLISECOND, attributes={"db.system.name": "redis"}
    )
    return request({"web": [entry, asks], "cart": [answers, looks_up]})


def edges(found: dict[str, Any]) -> list[tuple[str, str, int]]:
    return [(edge["client"], edge["server"], edge["calls"]) for edge in found["edges"]]


def requests(found: dict[str, Any]) -> dict[str, tuple[int, int]]:
    return {node["name"]: (node["requests"], node["errors"]) for node in found["nodes"]}


def test_has_all_calls_of_a_trace_of_which_one_span_satisfies(service: Service, tenant: str) -> None:
    service.feed([visit("/a", error=True), visit("/a"), visit("/b")], tenant=tenant)
    alone = span("clean", kind=SERVER, start=START)
    service.feed([request({"cron": [alone]})], tenant=tenant)

    failing = service.get(MAP, {**RANGE, "q": 'service = "cart" and status = error'}, tenant=tenant)
    one_route = service.get(MAP, {**RANGE, "q": 'http.route = "/a"'}, tenant=tenant)

    assert edges(failing) == [("cart", "redis", 1), ("user", "web", 1), ("web", "cart", 1)]
    assert requests(failing) == {"cart": (1, 1), "web": (1, 0), "redis": (1, 0), "user": (0, 0)}
    assert edges(one_route) == [("cart", "redis", 2), ("user", "web", 2), ("web", "cart", 2)]
    assert requests(one_route)["cart"] == (2, 1)
    assert one_route["nodes"][0]["latency_ns"]["error"] == 0


def test_wants_all_conditions_of_one_span(service: Service, tenant: str) -> None:
    service.feed([visit("/a", attributes={"sku": "x"})], tenant=tenant)

    together = service.get(MAP, {**RANGE, "q": 'http.route = "/a" and sku = "x"'}, tenant=tenant)

    assert (together["nodes"], together["edges"]) == ([], [])


def test_knows_a_trace_by_its_spans_in_the_range_only(service: Service, tenant: str) -> None:
    early = span("enqueue", kind=PRODUCER, start=START - 2 * MINUTE, attributes={"messaging.destination.name": "jobs"})
    late = span("work", kind=CONSUMER, parent=early, start=START)
    service.feed([request({"web": [early], "worker": [late]})], tenant=tenant)

    by_later = service.get(MAP, {**RANGE, "q": 'operation = "work"'}, tenant=tenant)
    by_earlier = service.get(MAP, {**RANGE, "q": 'operation = "enqueue"'}, tenant=tenant)

    assert edges(by_later) == [("jobs", "worker", 1)]
    assert edges(by_earlier) == []


def test_a_call_through_a_link_belongs_to_the_trace_that_received_it(service: Service, tenant: str) -> None:
    sent = span("send", kind=PRODUCER, start=START, attributes={"messaging.destination.name": "mail"})
    received = span("receive", kind=CONSUMER, start=START + 5 * MILLISECOND)
    received.links.add(trace_id=sent.trace_id, span_id=sent.span_id)
    service.feed([request({"shop": [sent], "mailer": [received]})], tenant=tenant)

    receiving = service.get(MAP, {**RANGE, "q": 'operation = "receive"'}, tenant=tenant)
    sending = service.get(MAP, {**RANGE, "q": 'operation = "send"'}, tenant=tenant)

    assert edges(receiving) == [("mail", "mailer", 1)]
    assert receiving["edges"][0]["gap_ns"]["max"] == 4 * MILLISECOND
    assert edges(sending) == [("shop", "mail", 1)]


def test_a_peer_is_still_the_service_that_has_its_name(service: Service, tenant: str) -> None:
    lost = span("GET", kind=CLIENT, start=START, parent=b"\1" * 8, attributes={"peer.service": "cart", "lost": True})
    service.feed([visit("/a"), request({"web": [lost]})], tenant=tenant)

    (edge,) = service.get(MAP, {**RANGE, "q": "lost = true"}, tenant=tenant)["edges"]

    assert (edge["server"], edge["server_type"], edge["connection"]) == ("cart", "service", "external")


def test_goes_together_with_the_other_parameters(service: Service, tenant: str) -> None:
    service.feed([visit("/a"), visit("/a"), visit("/b")], tenant=tenant)
    more = span("GET", kind=CLIENT, start=START, attributes={"server.address": "x", "http.route": "/a"})
    service.feed([request({"web": [more]})], tenant=tenant)
    q = {**RANGE, "q": 'http.route = "/a"'}

    grouped = service.get(MAP, {**q, "group_by": "service.name"}, tenant=tenant)
    around = service.get(MAP, {**q, "service": "redis", "depth": 2}, tenant=tenant)
    often = service.get(MAP, {**q, "min_calls": 2}, tenant=tenant)
    drawn = service.response(MAP, {**q, "service": "user", "format": "mermaid"}, tenant=tenant)

    expected = [("cart", "redis", 2), ("user", "web", 2), ("web", "cart", 2), ("web", "x", 1)]
    assert edges(grouped) == expected
    assert requests(grouped)["web"] == (3, 0)
    assert edges(around) == [("cart", "redis", 2), ("web", "cart", 2)]
    assert edges(often) == expected[:3]
    assert drawn.text.splitlines()[-1] == '  n1 -->|"2, p95 1 s"| n0'


def test_compares_two_windows_of_some_traces(service: Service, tenant: str) -> None:
    earlier = [visit("/a", start=START - MINUTE), visit("/b", start=START - MINUTE)]
    service.feed([*earlier, visit("/b"), visit("/c")], tenant=tenant)

    def compared(route: str) -> tuple[int, int, int]:
        found = service.get(f"{MAP}/diff", {**RANGE, "q": f'http.route = "{route}"'}, tenant=tenant)
        assert found["meta"]["tier"] == "raw"
        return len(found["new"]), len(found["gone"]), found["not_compared"]

    assert (compared("/a"), compared("/b"), compared("/c")) == ((0, 3, 0), (0, 0, 3), (3, 0, 0))


@pytest.mark.parametrize("q", ["", " "])
def test_without_a_condition_it_is_the_whole_map(service: Service, tenant: str, q: str) -> None:
    service.feed([visit("/a")], tenant=tenant)

    found = service.get(MAP, {**RANGE, "q": q}, tenant=tenant)

    assert (len(found["edges"]), found["meta"]["tier"]) == (3, "minute")
