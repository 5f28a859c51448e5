"""The service map is what the stored spans say, whatever order and batches they arrived in."""

from __future__ import annotations

import random
import time
from collections import defaultdict
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.query.reference_map import check_map, whole_range
from tests.query.service import Service, fresh_tenant
from tests.support.call_graphs import call_graph, segments
from tests.support.effort import examples
from tests.support.spans import (
    CLIENT,
    CONSUMER,
    MILLISECOND,
    PRODUCER,
    SECOND,
    SERVER,
    Value,
    key_values,
    request,
    span,
)

MINUTE = 60 * SECOND
START = (time.time_ns() // MINUTE - 10) * MINUTE
RANGE = {"from": START, "to": START + MINUTE}
MAP = "/api/v1/service-map"


@settings(max_examples=examples(15), deadline=None, phases=[Phase.explicit, Phase.generate])  # to shrink takes minutes
@given(st.integers(0, 2**32))
def test_equals_the_reference_where_nothing_is_rolled_up(service: Service, seed: int) -> None:
    tenant = fresh_tenant()
    rnd = random.Random(seed)
    spans = call_graph(rnd)
    for bodies in segments(rnd, spans):
        service.feed([ExportTraceServiceRequest.FromString(body) for body in bodies], tenant=tenant)

    found = service.get(MAP, whole_range(), tenant=tenant)

    check_map(spans, found)
    assert found["meta"]["tier"] == "minute"
    assert found["meta"]["live"] == found["meta"]["effective"]


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


def to_peer(attributes: dict[str, Value], kind: Span.SpanKind.ValueType = CLIENT, **more: Any) -> Span:
    return span("call", kind=kind, start=START, parent=b"\1" * 8, attributes=attributes, **more)


def edges(found: dict[str, Any]) -> list[tuple[str, str]]:
    return [(edge["client"], edge["server"]) for edge in found["edges"]]


def places(found: dict[str, Any]) -> list[tuple[str, str]]:
    return [(node["name"], node["type"]) for node in found["nodes"]]


def test_reads_whole_minutes_and_says_which(service: Service, tenant: str) -> None:
    service.feed([request(calling("a", "b"))], tenant=tenant)

    found = service.get(MAP, {"from": START + 20 * SECOND, "to": START + 30 * SECOND}, tenant=tenant)

    assert found["meta"]["effective"] == {"from": str(START), "to": str(START + MINUTE)}
    assert [(edge["calls"], edge["rate"]) for edge in found["edges"]] == [(1, 1 / 60), (1, 1 / 60)]


def test_focuses_on_a_service_and_what_is_so_many_calls_away(service: Service, tenant: str) -> None:
    service.feed([request(calling("a", "b", "c", "d", "e"))], tenant=tenant)

    near = service.get(MAP, {**RANGE, "service": "c"}, tenant=tenant)
    far = service.get(MAP, {**RANGE, "service": "c", "depth": 2}, tenant=tenant)

    assert edges(near) == [("b", "c"), ("c", "d")]
    assert [node["name"] for node in near["nodes"]] == ["b", "c", "d"]
    assert edges(far) == [("a", "b"), ("b", "c"), ("c", "d"), ("d", "e")]


def test_says_that_a_name_is_unknown_and_which_are_like_it(service: Service, tenant: str) -> None:
    service.feed([request(calling("checkout", "payment"))], tenant=tenant)

    wrong = service.response(MAP, {**RANGE, "service": "chekout"}, tenant=tenant)
    quiet = service.get(MAP, {"from": START - 2 * MINUTE, "to": START - MINUTE, "service": "checkout"}, tenant=tenant)

    assert (wrong.status_code, wrong.json()["allowed"]) == (404, ["checkout"])
    assert "nothing is called 'chekout'; the closest of 3 names: checkout" in wrong.json()["detail"]
    assert (quiet["nodes"], quiet["edges"]) == ([], [])


def test_bounds_the_depth(service: Service, tenant: str) -> None:
    response = service.response(MAP, {"service": "a", "depth": 1000}, tenant=tenant)

    assert (response.status_code, response.json()["parameter"]) == (400, "depth")
    assert "less than or equal to 20" in response.json()["detail"]


def test_leaves_out_edges_with_few_calls_and_peers_without_another(service: Service, tenant: str) -> None:
    seldom = {"a": [to_peer({"db.system.name": "redis"})]}
    service.feed(
        [request(calling("a", "b", calls=3)), request(calling("a", "c")), request(seldom)],
        tenant=tenant,
    )

    found = service.get(MAP, {**RANGE, "min_calls": 2}, tenant=tenant)

    assert edges(found) == [("a", "b"), ("user", "a")]
    assert places(found) == [("a", "service"), ("b", "service"), ("c", "service"), ("user", "user")]


def test_peers_without_spans_are_nodes_of_their_type(service: Service, tenant: str) -> None:
    calls = [
        to_peer({"db.system.name": "postgresql", "db.namespace": "shop"}, duration=5 * MILLISECOND),
        to_peer({"server.address": "api.example.com"}, error=True),
        to_peer({"peer.service": "billing"}),
        to_peer({"messaging.destination.name": "orders"}, kind=PRODUCER),
    ]
    service.feed([request({"web": calls})], tenant=tenant)

    found = service.get(MAP, RANGE, tenant=tenant)

    assert {
        (edge["server"], edge["server_type"], edge["connection"], edge["unmatched"]) for edge in found["edges"]
    } == {
        ("postgresql:shop", "database", "database", 1),
        ("api.example.com", "external", "external", 1),
        ("billing", "external", "external", 1),
        ("orders", "messaging", "messaging", 1),
    }
    nodes = {node["name"]: node for node in found["nodes"]}
    assert (nodes["postgresql:shop"]["requests"], nodes["postgresql:shop"]["latency_ns"]["p50"]) == (1, 5 * MILLISECOND)
    assert nodes["api.example.com"]["errors"] == 1


@pytest.mark.parametrize("attribute", ["peer.service", "server.address"])
def test_a_peer_called_like_a_service_that_sends_spans_is_that_service(
    service: Service, tenant: str, attribute: str
) -> None:
    service.feed([request(calling("web", "cart")), request({"web": [to_peer({attribute: "cart"})]})], tenant=tenant)

    found = service.get(MAP, RANGE, tenant=tenant)

    assert places(found) == [("cart", "service"), ("web", "service"), ("user", "user")]
    assert [(edge["connection"], edge["calls"], edge["unmatched"]) for edge in found["edges"]][1:] == [
        ("external", 1, 1),
        ("rpc", 1, 0),
    ]


def test_a_queue_may_have_the_name_of_a_service(service: Service, tenant: str) -> None:
    send = to_peer({"messaging.destination.name": "mail"}, kind=PRODUCER, duration=MILLISECOND)
    receive = span(
        kind=CONSUMER,
        parent=send,
        start=START + 4 * MILLISECOND,
        attributes={"messaging.destination.name": "mail"},
        duration=2 * MILLISECOND,
    )
    service.feed([request({"shop": [send], "mail": [receive]})], tenant=tenant)

    found = service.get(MAP, RANGE, tenant=tenant)

    assert places(found) == [("mail", "service"), ("shop", "service"), ("mail", "messaging")]
    sending, receiving = sorted(found["edges"], key=lambda edge: edge["server_type"])
    assert (sending["client"], sending["server_type"]) == ("shop", "messaging")
    assert (receiving["client_type"], receiving["server_type"]) == ("messaging", "service")
    assert receiving["gap_ns"]["max"] == 3 * MILLISECOND


def test_a_service_without_edges_is_on_the_map(service: Service, tenant: str) -> None:
    service.feed([request({"alone": [span(start=START)]})], tenant=tenant)

    found = service.get(MAP, RANGE, tenant=tenant)

    assert (places(found), found["edges"]) == ([("alone", "service")], [])


def test_names_traces_to_look_at(service: Service, tenant: str) -> None:
    service.feed([request(calling("web", "cart", calls=3))], tenant=tenant)
    slow = span("GET", kind=SERVER, start=START, duration=9 * SECOND)
    bad = span("GET", kind=SERVER, start=START, duration=3 * SECOND, error=True)
    service.feed([request({"web": [slow, bad]})], tenant=tenant)

    found = service.get(MAP, RANGE, tenant=tenant)

    (entry,) = (edge for edge in found["edges"] if edge["client"] == "user")
    slowest, typical, failed = entry["exemplars"]
    assert (slowest, failed) == (slow.trace_id.hex(), bad.trace_id.hex())
    assert typical not in (slowest, failed)


def test_counts_retries(service: Service, tenant: str) -> None:
    calls = [to_peer({"server.address": "x", "http.request.resend_count": count}) for count in (0, 1, 2)]
    service.feed([request({"web": calls})], tenant=tenant)

    (edge,) = service.get(MAP, RANGE, tenant=tenant)["edges"]

    assert (edge["calls"], edge["retries"]) == (3, 2)


def without_rates(edges: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """They go down as time goes on."""
    return [{name: value for name, value in edge.items() if name != "rate"} for edge in edges]


def regional(region: str, service: str, spans: list[Span]) -> ExportTraceServiceRequest:
    sent = request({service: spans})
    sent.resource_spans[0].resource.attributes.extend(key_values({"cloud.region": region}))
    return sent


def test_groups_by_a_resource_attribute(service: Service, tenant: str) -> None:
    spans = calling("web", "cart", calls=2)
    store = to_peer({"db.system.name": "redis"})
    service.feed(
        [
            regional("north", "web", spans["web"]),
            regional("south", "cart", [spans["cart"][0]]),
            regional("north", "cart", [spans["cart"][1], store]),
            request({"batch": [span(start=START)]}),
        ],
        tenant=tenant,
    )

    found = service.get(MAP, {**RANGE, "group_by": "cloud.region"}, tenant=tenant)

    assert {(edge["client"], edge["server"], edge["connection"], edge["calls"]) for edge in found["edges"]} == {
        ("user", "north", "rpc", 2),
        ("north", "north", "rpc", 1),
        ("north", "south", "rpc", 1),
        ("north", "redis", "database", 1),
    }
    assert [(node["name"], node["type"], node["requests"]) for node in found["nodes"]] == [
        ("(none)", "service", 1),
        ("north", "service", 3),
        ("south", "service", 1),
        ("redis", "database", 1),
        ("user", "user", 0),
    ]
    assert found["meta"]["tier"] == "raw"


def test_grouped_by_the_name_of_the_service_it_is_the_same_map(service: Service, tenant: str) -> None:
    spans = call_graph(random.Random(7), traces=20)
    for bodies in segments(random.Random(8), spans):
        service.feed([ExportTraceServiceRequest.FromString(body) for body in bodies], tenant=tenant)

    plain = service.get(MAP, whole_range(), tenant=tenant)
    grouped = service.get(MAP, {**whole_range(), "group_by": "service.name"}, tenant=tenant)

    assert without_rates(grouped["edges"]) == without_rates(plain["edges"])
    assert places(grouped) == places(plain)
    assert grouped["meta"]["completeness"] == plain["meta"]["completeness"]


def test_says_that_no_resource_has_an_attribute(service: Service, tenant: str) -> None:
    service.feed([request(calling("a", "b"))], tenant=tenant)

    response = service.response(MAP, {**RANGE, "group_by": "service.nam"}, tenant=tenant)

    assert (response.status_code, response.json()["parameter"]) == (400, "group_by")
    assert response.json()["allowed"] == ["service.name"]


def test_draws_itself_for_graphviz_and_mermaid(service: Service, tenant: str) -> None:
    peers = [
        to_peer({"db.system.name": "redis"}, duration=MILLISECOND),
        to_peer({"messaging.destination.name": "jobs"}, kind=PRODUCER, duration=100 * MILLISECOND),
        to_peer({"server.address": "example.com"}, duration=SECOND),
    ]
    service.feed([request({'the "cart" \\ <1>': peers})], tenant=tenant)

    dot = service.response(MAP, {**RANGE, "format": "dot"}, tenant=tenant)
    mermaid = service.response(MAP, {**RANGE, "format": "mermaid"}, tenant=tenant)

    assert 'n0 [label="the \\"cart\\" \\\\ <1>", shape=box' in dot.text
    assert 'label="redis", shape=cylinder' in dot.text
    assert "color=green, penwidth=3" in dot.text
    assert "color=orange, penwidth=2" in dot.text
    assert "color=red, penwidth=1" in dot.text
    assert mermaid.text.splitlines() == [
        "flowchart LR",
        '  n0("the &quot;cart&quot; \\ &lt;1&gt;")',
        '  n1{{"example.com"}}',
        '  n2[["jobs"]]',
        '  n3[("redis")]',
        '  n0 -->|"1, p95 1 s"| n1',
        '  n0 -->|"1, p95 100 ms"| n2',
        '  n0 -->|"1, p95 1 ms"| n3',
    ]


@pytest.mark.parametrize(
    "ends", [{"from": 0, "to": 1}, {"from": 0, "to": "now"}, {"from": "now", "to": "2261-01-01T00:00:00Z"}]
)
def test_reads_a_range_that_reaches_far(service: Service, tenant: str, ends: dict[str, Any]) -> None:
    assert service.get(MAP, ends, tenant=tenant)["edges"] == []


def test_has_nothing_to_say_of_an_empty_store(service: Service, tenant: str) -> None:
    found = service.get(MAP, tenant=tenant)

    assert (found["nodes"], found["edges"]) == ([], [])
    assert (found["meta"]["completeness"], found["meta"]["freshness"]) == (1, None)
