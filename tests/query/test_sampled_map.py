"""Calls of sampled traffic count as often as they stand for, on the map, over time, between windows and instances."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.query.instances import Instance, Traffic
from tests.query.reference_map import took, whole_range
from tests.query.reference_sampled_map import check_calls, check_map, sampled_graph
from tests.query.reference_sampling import adjusted_count
from tests.query.reference_traces import FILTERS, satisfying
from tests.query.service import Service, fresh_tenant
from tests.support.call_graphs import segments
from tests.support.effort import examples
from tests.support.spans import (
    CLIENT,
    CONSUMER,
    INTERNAL,
    MILLISECOND,
    PRODUCER,
    SECOND,
    SERVER,
    key_values,
    request,
    span,
)

MINUTE = 60 * SECOND
START = (time.time_ns() // MINUTE - 30) * MINUTE
RANGE = {"from": START, "to": START + MINUTE}
MAP = "/api/v1/service-map"
QUARTER, HALF = "ot=th:c", "ot=th:8"


@settings(max_examples=examples(6), deadline=None, phases=[Phase.explicit, Phase.generate])  # to shrink takes minutes
@given(st.integers(0, 2**32))
def test_equals_the_reference_of_the_traffic_that_it_stands_for(service: Service, seed: int) -> None:
    tenant = fresh_tenant()
    rnd = random.Random(seed)
    spans = sampled_graph(rnd)
    for bodies in segments(rnd, spans):
        service.feed([ExportTraceServiceRequest.FromString(body) for body in bodies], tenant=tenant)
    q = rnd.choice(FILTERS)
    chosen = satisfying(spans, q)

    def ask(**parameters: str) -> Any:
        return service.get(MAP, {**whole_range(), **parameters}, tenant=tenant)

    check_map(spans, ask())
    check_map(spans, ask(q=q), traces=chosen)
    check_calls(spans, ask(group_by="service.name"), grouped=True)
    check_calls(spans, ask(group_by="service.name", q=q), traces=chosen, grouped=True)


def state(one: Span, trace_state: str) -> Span:
    one.trace_state = trace_state
    return one


def edges(found: Mapping[str, Any]) -> dict[tuple[str, str], int]:
    return {(edge["client"], edge["server"]): edge["calls"] for edge in found["edges"]}


@pytest.mark.parametrize(("caller", "callee"), [("", QUARTER), (QUARTER, ""), (QUARTER, HALF), (HALF, QUARTER)])
@pytest.mark.parametrize("kind", [CLIENT, INTERNAL])
def test_a_call_that_takes_both_spans_to_tell_is_as_rare_as_the_rarer(
    service: Service, tenant: str, kind: Span.SpanKind.ValueType, caller: str, callee: str
) -> None:
    asks = state(span(kind=kind, start=START, parent=b"\1" * 8), caller)
    answers = state(span(kind=SERVER, start=START, parent=asks), callee)
    service.feed([request({"web": [asks], "cart": [answers]})], tenant=tenant)

    found = service.get(MAP, RANGE, tenant=tenant)

    assert edges(found) == {("web", "cart"): 4}
    (cart,) = (node for node in found["nodes"] if node["name"] == "cart")
    assert cart["requests"] == adjusted_count(callee)
    assert found["meta"]["sampling"] == {"stored": 1, "adjusted": 4}


def test_other_calls_count_as_the_span_that_tells_them(service: Service, tenant: str) -> None:
    destination = key_values({"messaging.destination.name": "mail"})
    sends = state(span(kind=PRODUCER, start=START), QUARTER)
    receives = state(span(kind=CONSUMER, start=START + SECOND, parent=sends), HALF)
    for one in (sends, receives):
        one.attributes.extend(destination)
    linked = state(span(kind=CONSUMER, start=START + SECOND), HALF)
    linked.links.add(trace_id=sends.trace_id, span_id=sends.span_id)
    queries = state(span(kind=CLIENT, start=START, attributes={"db.system.name": "redis"}), QUARTER)
    enters = state(span(kind=SERVER, start=START), HALF)
    service.feed([request({"shop": [sends, queries, enters], "mailer": [receives], "audit": [linked]})], tenant=tenant)

    found = service.get(MAP, RANGE, tenant=tenant)

    assert edges(found) == {
        ("shop", "mail"): 4,
        ("mail", "mailer"): 2,
        ("mail", "audit"): 2,
        ("shop", "redis"): 4,
        ("user", "shop"): 2,
    }


def test_rates_retries_and_what_is_unmatched_are_weighted(service: Service, tenant: str) -> None:
    asks = [
        state(
            span(kind=CLIENT, start=START, parent=b"\1" * 8, attributes={"http.request.resend_count": count}), QUARTER
        )
        for count in (0, 1)
    ]
    answers = [state(span(kind=SERVER, start=START, parent=one), QUARTER) for one in asks]
    lost = [state(span(kind=SERVER, start=START, parent=b"\1" * 8), HALF) for _ in range(2)]
    queries = state(span(kind=CLIENT, start=START, attributes={"db.system.name": "redis"}), HALF)
    service.feed([request({"web": [*asks, queries], "cart": [*answers, *lost]})], tenant=tenant)

    found = service.get(MAP, RANGE, tenant=tenant)
    frequent = service.get(MAP, {**RANGE, "min_calls": 3}, tenant=tenant)

    call, query = found["edges"]
    assert (call["calls"], call["retries"], call["unmatched"], call["rate"]) == (8, 4, 0, 8 / 60)
    assert (query["calls"], query["unmatched"], query["rate"]) == (2, 2, 2 / 60)
    (cart,) = (node for node in found["nodes"] if node["name"] == "cart")
    assert (cart["requests"], cart["unmatched"]) == (12, 4)
    assert found["meta"]["completeness"] == 8 / 12
    assert edges(frequent) == {("web", "cart"): 8}


def test_an_edge_over_time_is_weighted_step_by_step(service: Service, tenant: str) -> None:
    plan = [(0, "", 10), (0, QUARTER, 30), (1, HALF, 20)]
    spans = [
        state(span(kind=SERVER, start=START + minute * MINUTE, duration=duration, error=duration == 30), trace_state)
        for minute, trace_state, duration in plan
    ]
    service.feed([request({"web": spans})], tenant=tenant)

    found = service.get(
        "/api/v1/edges/user/web", {"from": START, "to": START + 2 * MINUTE, "step": "1m"}, tenant=tenant
    )

    (series,) = found["series"]
    assert (series["calls"], series["errors"], series["server_ns"]["n"]) == (7, 4, 3)
    assert [(one["calls"], one["errors"], one["server_ns"]["n"]) for one in series["points"]] == [(5, 4, 2), (2, 0, 1)]
    assert series["points"][0]["server_ns"]["p50"] == 30
    assert found["meta"]["sampling"] == {"stored": 3, "adjusted": 7}


def test_chance_between_windows_is_judged_by_what_is_stored(service: Service, tenant: str) -> None:
    later = START + 10 * MINUTE

    def requests(service_name: str, at: int, count: int, trace_state: str = "") -> ExportTraceServiceRequest:
        spans = [state(span(kind=SERVER, start=at, duration=MILLISECOND), trace_state) for _ in range(count)]
        return request({service_name: spans})

    plans = [("sampled", 15, 30, "ot=th:f"), ("all", 240, 480, ""), ("few", 9, 40, "ot=th:f")]
    for name, before, after, trace_state in plans:
        service.feed(
            [requests(name, START, before, trace_state), requests(name, later, after, trace_state)], tenant=tenant
        )
    windows = {"from": later, "to": later + 10 * MINUTE, "min_calls": 10}

    found = service.get(f"{MAP}/diff", windows, tenant=tenant)

    assert [one["after"]["server"] for one in found["changed"]] == ["all"]
    assert (found["unchanged"], found["not_compared"]) == (1, 1)
    assert found["meta"]["sampling"] == {"stored": 550, "adjusted": 480 + 16 * 70}
    assert found["base_sampling"] == {"stored": 264, "adjusted": 240 + 16 * 24}


def test_a_window_that_was_sampled_is_told_from_one_that_was_not(service: Service, tenant: str) -> None:
    before = [state(span(kind=SERVER, start=START - MINUTE), QUARTER) for _ in range(5)]
    after = [span(kind=SERVER, start=START) for _ in range(20)]
    service.feed([request({"web": [*before, *after]})], tenant=tenant)

    found = service.get(f"{MAP}/diff", {**RANGE, "min_calls": 5}, tenant=tenant)

    assert (found["unchanged"], found["changed"]) == (1, [])
    assert (found["meta"]["sampling"], found["base_sampling"]) == (None, {"stored": 5, "adjusted": 20})


def test_percentiles_of_instances_are_weighted(service: Service, tenant: str) -> None:
    cart, web = Instance("cart", "c"), Instance("web", "w")
    traffic = Traffic()
    traffic.requests(cart, START, 3, took=10)
    traffic.requests(cart, START, 1, took=30)
    traffic.calls(web, cart, START - MINUTE, 2)
    for spans in traffic.spans.values():
        for one in spans:
            one.trace_state = QUARTER if took(one) == 30 else HALF if one.start_time_unix_nano < START else ""
    service.feed(traffic.exports(), tenant=tenant)

    found = service.get("/api/v1/topology", RANGE, tenant=tenant)

    (node,) = (one for one in found["nodes"] if one["name"] == "c")
    assert (node["requests"], node["latency_ns"]["n"], node["latency_ns"]["p50"]) == (7, 4, 30)
    assert found["meta"]["sampling"] == {"stored": 4, "adjusted": 7}
    assert found["previous_sampling"] == {"stored": 2, "adjusted": 4}


def test_what_is_shown_says_whether_it_was_sampled(service: Service, tenant: str) -> None:
    whole, half = span(kind=CLIENT, start=START), span(kind=CLIENT, start=START)
    callees = [span(kind=SERVER, parent=caller, start=START) for caller in (whole, half)]
    for one in (half, callees[1]):
        one.trace_state = HALF
    service.feed([request({"web": [whole], "cart": [callees[0]], "app": [half], "stock": [callees[1]]})], tenant=tenant)

    def said(**parameters: str) -> Any:
        return service.get(MAP, {**RANGE, **parameters}, tenant=tenant)["meta"]["sampling"]

    assert said() == {"stored": 2, "adjusted": 3}
    assert said(service="cart") is None
    assert said(service="stock") == {"stored": 1, "adjusted": 2}
