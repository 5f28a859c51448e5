"""The topology says who is there, where, and how they are."""

from __future__ import annotations

import time
from typing import Any

import pytest
from spanhouse_query.topology.regions import region_status

from tests.query.instances import Instance, Traffic
from tests.query.service import Service
from tests.support.spans import MILLISECOND, SECOND

MINUTE = 60 * SECOND
START = (time.time_ns() // MINUTE - 25) * MINUTE
END = START + 20 * MINUTE
LATE = END - MINUTE
BEFORE = START - MINUTE
RANGE = {"from": START, "to": END}
TOPOLOGY = "/api/v1/topology"

WEB = Instance("web", "w", "north")
CART = Instance("cart", "c", "north")
MAIL = Instance("mail", "m", "south")


def node(found: dict[str, Any], name: str) -> dict[str, Any]:
    (one,) = (one for one in found["nodes"] if one["name"] == name)
    return dict(one)


def statuses(found: dict[str, Any]) -> dict[str, str]:
    return {one["name"]: one["status"] for one in found["nodes"]}


def test_a_node_is_an_instance_with_its_place_and_time(service: Service, tenant: str) -> None:
    placed = Instance("cart", "c1", "north", (("cloud.availability_zone", "north-a"), ("host.name", "box")))
    traffic = Traffic()
    traffic.calls(WEB, placed, START + 15 * MINUTE, 3)
    traffic.alive(placed, LATE)
    service.feed(traffic.exports(), tenant=tenant, received_at=START + 16 * MINUTE)

    found = service.get(TOPOLOGY, RANGE, tenant=tenant)

    cart = node(found, "c1")
    assert (cart["type"], cart["services"], cart["named_by_service"]) == ("service", ["cart"], False)
    assert cart["location"] == {"region": "north", "zone": "north-a", "host": "box"}
    assert (cart["first_seen"], cart["last_seen"]) == (str(START + 16 * MINUTE), str(LATE))
    assert (cart["requests"], cart["errors"], cart["latency_ns"]["p95"]) == (3, 0, MILLISECOND)
    assert (cart["status"], cart["reasons"]) == ("healthy", [])
    assert [(edge["client"], edge["server"], edge["calls"]) for edge in found["edges"]] == [("w", "c1", 3)]
    assert found["meta"]["tier"] == "raw"
    assert found["previous"] == {"from": str(START - 20 * MINUTE), "to": str(START)}


def test_what_has_no_instance_id_goes_by_the_name_of_its_service(service: Service, tenant: str) -> None:
    traffic = Traffic()
    traffic.calls(Instance("web"), CART, LATE)
    service.feed(traffic.exports(), tenant=tenant)

    found = service.get(TOPOLOGY, RANGE, tenant=tenant)

    assert [(edge["client"], edge["server"]) for edge in found["edges"]] == [("web", "c")]
    assert [(one["name"], one["named_by_service"]) for one in found["nodes"]] == [("c", False), ("web", True)]


def test_an_instance_id_that_two_services_have_is_two_instances(service: Service, tenant: str) -> None:
    traffic = Traffic()
    traffic.calls(Instance("web", "0"), Instance("cart", "0"), LATE)
    service.feed(traffic.exports(), tenant=tenant)

    by_instance = service.get(TOPOLOGY, RANGE, tenant=tenant)
    by_host = service.get(TOPOLOGY, {**RANGE, "group_by": "service.name"}, tenant=tenant)

    assert [(edge["client"], edge["server"]) for edge in by_instance["edges"]] == [("web/0", "cart/0")]
    assert [one["name"] for one in by_host["nodes"]] == ["cart", "web"]


def test_other_attributes_can_tell_peers_and_regions_apart(service: Service, tenant: str) -> None:
    one = Instance("web", "w1", more=(("host.name", "box"), ("cloud.availability_zone", "a")))
    two = Instance("cart", "c1", more=(("host.name", "box"), ("cloud.availability_zone", "a")))
    traffic = Traffic()
    traffic.calls(one, two, LATE)
    service.feed(traffic.exports(), tenant=tenant)

    found = service.get(
        TOPOLOGY, {**RANGE, "group_by": "host.name", "region_by": "cloud.availability_zone"}, tenant=tenant
    )

    (box,) = found["nodes"]
    assert (box["name"], box["services"], box["location"]["region"]) == ("box", ["cart", "web"], "a")
    assert [(edge["client"], edge["server"]) for edge in found["edges"]] == [("box", "box")]
    assert [region["region"] for region in found["regions"]] == ["a"]


def test_a_peer_that_moved_is_where_it_went(service: Service, tenant: str) -> None:
    traffic = Traffic()
    traffic.alive(Instance("web", "w", "south"), START + 12 * MINUTE)
    traffic.alive(Instance("web", "w", "north"), START + 11 * MINUTE)
    service.feed(traffic.exports(), tenant=tenant)

    (web,) = service.get(TOPOLOGY, {**RANGE, "to": START + 13 * MINUTE}, tenant=tenant)["nodes"]

    assert web["location"]["region"] == "south"


def test_status_follows_errors_latency_and_silence(service: Service, tenant: str) -> None:
    traffic = Traffic()
    traffic.requests(Instance("s", "fine"), LATE, 100, failed=4, took=199 * MILLISECOND)
    traffic.requests(Instance("s", "failing"), LATE, 100, failed=5)
    traffic.requests(Instance("s", "broken"), LATE, 100, failed=25)
    traffic.requests(Instance("s", "slow"), LATE, 10, took=200 * MILLISECOND)
    traffic.requests(Instance("s", "few"), LATE, 9, failed=9, took=SECOND)
    traffic.alive(Instance("s", "quiet"), START + 10 * MINUTE)
    traffic.alive(Instance("s", "gone"), BEFORE)
    traffic.queries(Instance("s", "fine"), "redis", LATE, 10, failed=3)
    service.feed(traffic.exports(), tenant=tenant)

    found = service.get(TOPOLOGY, RANGE, tenant=tenant)

    assert statuses(found) == {
        "fine": "healthy",
        "failing": "degraded",
        "broken": "unhealthy",
        "slow": "degraded",
        "few": "healthy",
        "quiet": "degraded",
        "gone": "unhealthy",
        "redis": "unhealthy",
        "user": "unknown",
    }
    reasons = {one["name"]: one["reasons"] for one in found["nodes"] if one["reasons"]}
    assert reasons == {
        "failing": ["5.0% of 100 requests failed"],
        "broken": ["25.0% of 100 requests failed"],
        "slow": ["p95 is 200 ms, 200 ms or more"],
        "quiet": ["no span for 10 min"],
        "gone": ["no span for 21 min"],
        "redis": ["30.0% of 10 requests failed"],
    }
    network = found["network"]
    assert [network[f"{name}_peers"] for name in ("total", "healthy", "degraded", "unhealthy")] == [7, 2, 3, 2]
    medians = [199, 1, 1, 200, 1000]
    assert network["average_latency_ns"] == sum(medians) * MILLISECOND // len(medians)
    assert network["last_updated"] == str(END)


def test_how_slow_is_slow_and_how_few_are_few_can_be_said(service: Service, tenant: str) -> None:
    traffic = Traffic()
    traffic.requests(Instance("s", "one"), LATE, 3, took=30 * MILLISECOND)
    service.feed(traffic.exports(), tenant=tenant)

    found = service.get(TOPOLOGY, {**RANGE, "slow": "30ms", "min_calls": 3}, tenant=tenant)

    assert statuses(found)["one"] == "degraded"


def test_nobody_is_missed_within_five_minutes(service: Service, tenant: str) -> None:
    traffic = Traffic()
    traffic.alive(WEB, END - 3 * MINUTE)
    service.feed(traffic.exports(), tenant=tenant)

    (web,) = service.get(TOPOLOGY, {"from": END - 2 * MINUTE, "to": END}, tenant=tenant)["nodes"]

    assert (web["status"], web["requests"], web["centrality"], web["cluster"]) == ("healthy", 0, None, None)


def test_a_peer_whose_calls_all_fail_reaches_nobody(service: Service, tenant: str) -> None:
    traffic = Traffic()
    traffic.queries(WEB, "redis", LATE, 10, failed=10)
    traffic.queries(CART, "redis", LATE, 10, failed=9)
    service.feed(traffic.exports(), tenant=tenant)

    found = service.get(TOPOLOGY, RANGE, tenant=tenant)

    web, cart = node(found, "w"), node(found, "c")
    assert (web["neighbours"], web["reachable"], web["status"]) == (1, 0, "degraded")
    assert web["reasons"] == ["no call between it and any of its neighbours (1) succeeds"]
    assert (cart["neighbours"], cart["reachable"], cart["status"]) == (1, 1, "healthy")
    assert found["network"]["connectivity"] == 0.5


def test_regions_have_health_and_connectivity(service: Service, tenant: str) -> None:
    """In the north one is well, one fails and one is cut off; one of two links works, and the one across."""
    broken = Instance("cart", "b", "north")
    traffic = Traffic()
    traffic.calls(WEB, CART, BEFORE, 10)
    traffic.alive(CART, LATE)
    traffic.calls(WEB, broken, LATE, 20, failed=19)
    traffic.calls(WEB, MAIL, LATE, 1)
    traffic.alive(Instance("batch", "x"), LATE)
    service.feed(traffic.exports(), tenant=tenant)

    north, south, nowhere = service.get(TOPOLOGY, RANGE, tenant=tenant)["regions"]

    assert north == {
        "region": "north",
        "status": "critical",
        "total_peers": 3,
        "healthy_peers": 1,
        "health_ratio": 1 / 3,
        "connectivity": 0.5,
        "cross_region_health": 1.0,
        "last_assessed": str(END),
    }
    assert (south["region"], south["status"], south["connectivity"], south["cross_region_health"]) == (
        "south",
        "healthy",
        1.0,
        1.0,
    )
    assert (nowhere["region"], nowhere["status"], nowhere["cross_region_health"]) == (None, "healthy", None)


@pytest.mark.parametrize(
    ("health_ratio", "connectivity", "status"),
    [
        (0.8, 0.9, "healthy"),
        (0.79, 1.0, "degraded"),
        (1.0, 0.89, "degraded"),
        (0.5, 0.0, "degraded"),
        (0.0, 0.7, "degraded"),
        (0.49, 0.69, "critical"),
    ],
)
def test_status_of_a_region(health_ratio: float, connectivity: float, status: str) -> None:
    assert region_status(health_ratio, connectivity) == status


def test_calls_that_stopped_between_two_who_are_there_make_a_partition(service: Service, tenant: str) -> None:
    traffic = Traffic()
    traffic.calls(WEB, CART, BEFORE - MINUTE, 7)
    traffic.calls(CART, WEB, BEFORE, 5)
    for instance in (WEB, CART):
        traffic.requests(instance, LATE, 1)
    service.feed(traffic.exports(), tenant=tenant)

    found = service.get(TOPOLOGY, RANGE, tenant=tenant)
    cautious = service.get(TOPOLOGY, {**RANGE, "min_calls": 13}, tenant=tenant)

    (partition,) = found["partitions"]
    assert (partition["parts"], partition["calls"], partition["last_minute"]) == ([["c"], ["w"]], 12, str(BEFORE))
    traces = {one.trace_id.hex(): one.start_time_unix_nano for spans in traffic.spans.values() for one in spans}
    assert [(one["client"], one["calls"], one["minute"], traces[one["trace"]]) for one in partition["lost"]] == [
        ("w", 7, str(BEFORE - MINUTE), BEFORE - MINUTE),
        ("c", 5, str(BEFORE), BEFORE),
    ]
    assert cautious["partitions"] == []


def test_sampled_calls_count_as_what_they_stand_for_and_chance_by_what_is_stored(service: Service, tenant: str) -> None:
    traffic = Traffic()
    traffic.calls(WEB, CART, BEFORE, 5)
    traffic.alive(WEB, LATE)
    traffic.requests(CART, LATE, 5, failed=5)
    for spans in traffic.spans.values():
        for one in spans:
            one.trace_state = "ot=th:c"
    service.feed(traffic.exports(), tenant=tenant)

    found = service.get(TOPOLOGY, {**RANGE, "min_calls": 5}, tenant=tenant)
    cautious = service.get(TOPOLOGY, {**RANGE, "min_calls": 6}, tenant=tenant)

    (partition,) = found["partitions"]
    assert (partition["calls"], partition["lost"][0]["calls"]) == (20, 20)
    cart = node(found, "c")
    assert (cart["requests"], cart["errors"], cart["latency_ns"]["n"]) == (20, 20, 5)
    assert (cart["status"], node(cautious, "c")["status"]) == ("unhealthy", "healthy")
    assert found["meta"]["sampling"] == {"stored": 5, "adjusted": 20}
    assert cautious["partitions"] == []


def test_a_queue_connects_those_who_send_and_those_who_receive(service: Service, tenant: str) -> None:
    late = Instance("web", "v")
    traffic = Traffic()
    traffic.messages(WEB, "jobs", MAIL, BEFORE, 10)
    traffic.messages(late, "jobs", MAIL, BEFORE, 10)
    traffic.messages(WEB, "jobs", None, LATE)
    traffic.messages(late, "jobs", None, LATE)
    traffic.alive(MAIL, LATE)
    service.feed(traffic.exports(), tenant=tenant)

    (partition,) = service.get(TOPOLOGY, RANGE, tenant=tenant)["partitions"]

    assert partition["parts"] == [["v", "w"], ["m"]]
    assert [(one["client"], one["server"], one["calls"]) for one in partition["lost"]] == [("jobs", "m", 20)]


@pytest.mark.parametrize("case", ["database", "gone", "still, over another", "nobody received", "failing"])
def test_no_partition(service: Service, tenant: str, case: str) -> None:
    traffic = Traffic()
    for instance in (WEB, CART):
        traffic.alive(instance, LATE)
    if case == "database":
        for instance in (WEB, CART):
            traffic.queries(instance, "redis", BEFORE, 10)
    if case == "gone":
        traffic.calls(MAIL, WEB, BEFORE, 10)
        traffic.calls(MAIL, CART, BEFORE, 10)
    if case == "still, over another":
        traffic.calls(WEB, CART, BEFORE, 10)
        traffic.calls(WEB, MAIL, LATE)
        traffic.calls(CART, MAIL, LATE)
    if case == "nobody received":
        for instance in (WEB, CART):
            traffic.messages(instance, "jobs", None, BEFORE, 10)
    if case == "failing":
        traffic.calls(WEB, CART, BEFORE, 10)
        traffic.calls(WEB, CART, LATE, failed=1)
    service.feed(traffic.exports(), tenant=tenant)

    found = service.get(TOPOLOGY, RANGE, tenant=tenant)

    assert found["partitions"] == []


def test_describes_an_instant(service: Service, tenant: str) -> None:
    traffic = Traffic()
    traffic.calls(WEB, CART, START + 5 * MINUTE)
    service.feed(traffic.exports(), tenant=tenant)

    found = service.get(TOPOLOGY, {"at": START + 6 * MINUTE, "window": "2m"}, tenant=tenant)

    assert len(found["edges"]) == 1
    assert found["meta"]["effective"] == {"from": str(START + 4 * MINUTE), "to": str(START + 6 * MINUTE)}
    assert found["previous"] == {"from": str(START + 2 * MINUTE), "to": str(START + 4 * MINUTE)}


def test_a_range_that_has_not_passed_is_compared_with_as_much_as_has(service: Service, tenant: str) -> None:
    found = service.get(TOPOLOGY, {"from": "now-10m", "to": "now+1h"}, tenant=tenant)

    start, end = (int(found["previous"][name]) for name in ("from", "to"))
    assert (end - start) // MINUTE in (10, 11, 12)
    assert found["meta"]["effective"]["from"] == str(end)


def test_a_caller_whose_spans_are_from_before_both_windows_is_there(service: Service, tenant: str) -> None:
    """A call belongs to the minute of its callee, and its caller may have started fifteen minutes earlier."""
    traffic = Traffic()
    traffic.calls(WEB, CART, START)
    (server,) = traffic.spans[CART]
    server.start_time_unix_nano += 10 * MINUTE
    server.end_time_unix_nano += 10 * MINUTE
    service.feed(traffic.exports(), tenant=tenant)

    found = service.get(TOPOLOGY, {"from": START + 10 * MINUTE, "to": START + 12 * MINUTE}, tenant=tenant)

    assert statuses(found) == {"w": "healthy", "c": "healthy"}
    assert (node(found, "w")["last_seen"], node(found, "w")["requests"]) == (None, 0)


def test_draws_itself_for_graphviz_and_mermaid(service: Service, tenant: str) -> None:
    odd = Instance('the "cart" \\ <1>', region="south")
    traffic = Traffic()
    traffic.calls(WEB, odd, LATE, 10, failed=1, took=100 * MILLISECOND)
    traffic.calls(WEB, CART, BEFORE, 10)
    traffic.alive(CART, LATE)
    traffic.requests(Instance("batch"), LATE, 1, took=SECOND)
    traffic.alive(Instance("old"), BEFORE)
    service.feed(traffic.exports(), tenant=tenant)

    dot = service.response(TOPOLOGY, {**RANGE, "format": "dot"}, tenant=tenant)
    mermaid = service.response(TOPOLOGY, {**RANGE, "format": "mermaid"}, tenant=tenant)

    assert dot.headers["content-type"].startswith("text/vnd.graphviz")
    assert dot.text.splitlines() == [
        "digraph topology {",
        "  rankdir=LR;",
        "  node [shape=circle, style=filled, fontname=Helvetica];",
        '  n0 [label="batch", fillcolor=green];',
        '  n1 [label="cart\\nc\\nnorth", fillcolor=yellow];',
        '  n2 [label="old", fillcolor=red];',
        '  n3 [label="the \\"cart\\" \\\\ <1>\\nsouth", fillcolor=yellow];',
        '  n4 [label="web\\nw\\nnorth", fillcolor=green];',
        '  n5 [label="user", fillcolor=gray];',
        '  n5 -> n0 [label="1, p95 1 s", color=red, penwidth=1];',
        '  n4 -> n3 [label="10, p95 100 ms", color=orange, penwidth=2];',
        "  n4 -> n1 [color=red, style=dashed];",
        "}",
    ]
    assert mermaid.text.splitlines() == [
        "flowchart LR",
        '  n0(("batch")):::healthy',
        '  n1(("cart<br/>c<br/>north")):::degraded',
        '  n2(("old")):::unhealthy',
        '  n3(("the &quot;cart&quot; \\ &lt;1&gt;<br/>south")):::degraded',
        '  n4(("web<br/>w<br/>north")):::healthy',
        '  n5(("user")):::unknown',
        '  n5 -->|"1, p95 1 s"| n0',
        '  n4 -->|"10, p95 100 ms"| n3',
        "  n4 -.-x n1",
        "  classDef healthy fill:green,color:white",
        "  classDef degraded fill:yellow,color:black",
        "  classDef unhealthy fill:red,color:white",
        "  classDef unknown fill:gray,color:black",
    ]


@pytest.mark.parametrize("parameter", ["group_by", "region_by"])
def test_says_that_no_resource_has_an_attribute(service: Service, tenant: str, parameter: str) -> None:
    traffic = Traffic()
    traffic.alive(WEB, LATE)
    service.feed(traffic.exports(), tenant=tenant)

    response = service.response(TOPOLOGY, {**RANGE, parameter: "cloud.regin"}, tenant=tenant)

    assert (response.status_code, response.json()["parameter"]) == (400, parameter)
    assert response.json()["allowed"][0] == "cloud.region"


@pytest.mark.parametrize(
    ("wrong", "parameter"),
    [
        ({"from": END, "to": START}, "from"),
        ({"min_calls": 0}, "min_calls"),
        ({"slow": "fast"}, "slow"),
        ({"group_by": ""}, "group_by"),
        ({"format": "png"}, "format"),
        ({"at": END, "from": START}, "at"),
    ],
)
def test_says_what_is_wrong(service: Service, tenant: str, wrong: dict[str, Any], parameter: str) -> None:
    response = service.response(TOPOLOGY, wrong, tenant=tenant)

    assert (response.status_code, response.json()["parameter"]) == (400, parameter)


@pytest.mark.parametrize("ends", [{}, {"from": 0, "to": 1}, {"from": 0}, {"to": "2261-01-01T00:00:00Z"}])
def test_has_nothing_to_say_of_an_empty_store(service: Service, tenant: str, ends: dict[str, Any]) -> None:
    found = service.get(TOPOLOGY, ends, tenant=tenant)

    lists = ("nodes", "edges", "clusters", "partitions", "regions")
    assert [found[name] for name in lists] == [[], [], [], [], []]
    assert (found["network"]["total_peers"], found["network"]["connectivity"]) == (0, 1.0)
