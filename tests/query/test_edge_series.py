"""One edge over time adds up to what the map says of it."""

from __future__ import annotations

import random
import time
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.query.reference_map import check_percentiles, took, whole_range
from tests.query.service import Service
from tests.support.call_graphs import call_graph, segments
from tests.support.spans import CLIENT, MILLISECOND, PRODUCER, SECOND, SERVER, request, span

MINUTE = 60 * SECOND
START = (time.time_ns() // MINUTE - 10) * MINUTE
RANGE = {"from": START, "to": START + 4 * MINUTE}


def test_has_a_point_for_each_step(service: Service, tenant: str) -> None:
    callers, callees = [], []
    for minute, durations in ((0, [10, 20, 30]), (2, [40])):
        for duration in durations:
            client = span(kind=CLIENT, start=START + minute * MINUTE, duration=duration * MILLISECOND + 1000)
            callers.append(client)
            start = client.start_time_unix_nano + 500
            callees.append(
                span(kind=SERVER, parent=client, start=start, duration=duration * MILLISECOND, error=duration == 40)
            )
    service.feed([request({"web": callers, "cart": callees})], tenant=tenant)

    answer = service.get("/api/v1/edges/web/cart", {**RANGE, "step": "1m"}, tenant=tenant)

    (series,) = answer["series"]
    assert (answer["step_ns"], series["connection"], series["calls"], series["errors"]) == (MINUTE, "rpc", 4, 1)
    assert [point["t"] for point in series["points"]] == [str(START + n * MINUTE) for n in range(4)]
    assert [(point["calls"], point["errors"]) for point in series["points"]] == [(3, 0), (0, 0), (1, 1), (0, 0)]
    check_percentiles([took(one) for one in callees[:3]], series["points"][0]["server_ns"])
    check_percentiles([], series["points"][1]["server_ns"])
    check_percentiles([took(one) for one in callers], series["client_ns"])
    check_percentiles([1000] * 4, series["gap_ns"])
    assert series["exemplars"][0] == callees[-1].trace_id.hex()


def test_is_what_the_map_says_of_each_edge(service: Service, tenant: str) -> None:
    spans = call_graph(random.Random(3), traces=10)
    for bodies in segments(random.Random(4), spans):
        service.feed([ExportTraceServiceRequest.FromString(body) for body in bodies], tenant=tenant)

    for edge in service.get("/api/v1/service-map", whole_range(), tenant=tenant)["edges"]:
        path = f"/api/v1/edges/{edge['client']}/{edge['server']}"
        asked = {**whole_range(), "connection": edge["connection"], "step": "20m"}
        for series in service.get(path, asked, tenant=tenant)["series"]:
            if (series["client_type"], series["server_type"]) == (edge["client_type"], edge["server_type"]):
                assert {name: edge[name] for name in series if name != "points"} == {
                    name: series[name] for name in series if name != "points"
                }
                assert sum(point["calls"] for point in series["points"]) == edge["calls"]
                break
        else:
            raise AssertionError(edge)


def test_keeps_connections_apart(service: Service, tenant: str) -> None:
    call, send = span(kind=CLIENT, start=START), span(kind=PRODUCER, start=START)
    served = [span(kind=SERVER, parent=one, start=START) for one in (call, send)]
    service.feed([request({"web": [call, send], "cart": served})], tenant=tenant)

    both = service.get("/api/v1/edges/web/cart", RANGE, tenant=tenant)["series"]
    one = service.get("/api/v1/edges/web/cart", {**RANGE, "connection": "rpc"}, tenant=tenant)["series"]

    assert [series["connection"] for series in both] == ["messaging", "rpc"]
    assert one == both[1:]


def test_a_name_may_hold_a_slash(service: Service, tenant: str) -> None:
    call = span(kind=CLIENT, start=START, attributes={"db.system.name": "redis", "db.namespace": "a/b"})
    service.feed([request({"team/web": [call]})], tenant=tenant)

    answer = service.get("/api/v1/edges/team%2Fweb/redis:a%2Fb", RANGE, tenant=tenant)

    assert (answer["client"], answer["server"], len(answer["series"])) == ("team/web", "redis:a/b", 1)


def test_is_empty_between_nodes_that_did_not_call(service: Service, tenant: str) -> None:
    service.feed([request({"web": [span(start=START)], "cart": [span(start=START)]})], tenant=tenant)

    assert service.get("/api/v1/edges/web/cart", RANGE, tenant=tenant)["series"] == []


def test_says_that_an_end_is_unknown(service: Service, tenant: str) -> None:
    service.feed([request({"web": [span(start=START)], "cart": [span(start=START)]})], tenant=tenant)

    response = service.response("/api/v1/edges/web/cat", RANGE, tenant=tenant)

    assert (response.status_code, response.json()["allowed"]) == (404, ["cart"])


def test_wants_whole_minutes(service: Service, tenant: str) -> None:
    body: dict[str, Any] = service.response("/api/v1/edges/a/b", {"step": "90s"}, tenant=tenant).json()

    assert (body["parameter"], body["detail"]) == ("step", "step must be a multiple of 60 s")


def test_says_how_complete_it_is_for_all_that_is_known(service: Service, tenant: str) -> None:
    client, other = span(kind=CLIENT, start=START), span(kind=CLIENT, start=START)
    orphans = [span(kind=SERVER, parent=bytes(7) + bytes([n]), start=START) for n in (1, 2)]
    callees = [span(kind=SERVER, parent=caller, start=START) for caller in (client, other)]
    elsewhere = span(kind=SERVER, parent=b"\x01" * 8, start=START)
    services = {"web": [client], "app": [other], "cart": [*callees, *orphans], "stock": [elsewhere]}
    service.feed([request(services)], tenant=tenant)

    answer = service.get("/api/v1/edges/web/cart", RANGE, tenant=tenant)

    assert [series["calls"] for series in answer["series"]] == [1]
    # Its one call, and two to its server of which nobody knows the caller.
    assert answer["meta"]["completeness"] == pytest.approx(1 / 3)
