"""Centrality and clusters of graphs that are small enough to do by hand."""

from __future__ import annotations

import random
from itertools import combinations

from spanhouse_query.percentiles import latency_answer
from spanhouse_query.service_map.answer import NO_CALLS, Connection, Edge, Place
from spanhouse_query.topology.answer import Location, Status, TopologyNode
from spanhouse_query.topology.graph import Graph, analysed, pairs_of
from spanhouse_query.topology.room import room_for


def place(name: str) -> Place:
    return Place(name, "service")


def graph(*links: str, alone: str = "", calls: int = 1) -> Graph:
    """Nodes of one letter; a link is two of them."""
    pairs = {(place(one), place(other)): calls for one, other in map(sorted, links)}
    return analysed({place(name) for name in "".join(links) + alone}, pairs)


def scores(found: Graph, name: str) -> tuple[float, float, float]:
    """Degree, betweenness and closeness to three digits."""
    one = found.centrality[place(name)]
    assert one.closeness is not None
    return round(one.degree, 3), round(one.betweenness, 3), round(one.closeness, 3)


def clusters(found: Graph) -> list[str]:
    return ["".join(node.name for node in cluster.nodes) for cluster in found.clusters]


def edge(client: Place, server: Place, calls: int = 1, connection: Connection = "rpc", errors: int = 0) -> Edge:
    return Edge(
        client=client.name,
        client_type=client.type,
        server=server.name,
        server_type=server.type,
        connection=connection,
        rate=0,
        error_ratio=0,
        unmatched=0,
        exemplars=[],
        **{**NO_CALLS, "calls": calls, "errors": errors},
    )


def test_the_middle_of_a_line_lies_between_its_ends() -> None:
    found = graph("ab", "bc")

    assert scores(found, "b") == (1, 1, 1)
    assert scores(found, "a") == scores(found, "c") == (0.5, 0, 0.667)


def test_the_centre_of_a_star_lies_between_all() -> None:
    found = graph("ax", "bx", "cx", "dx")

    assert scores(found, "x") == (1, 1, 1)
    assert scores(found, "a") == (0.25, 0, 0.571)


def test_a_ring_shares_its_ways() -> None:
    """Of four: the two ways between opposite ones count half each, for one of three pairs."""
    found = graph("ab", "bc", "cd", "da")

    assert {scores(found, name) for name in "abcd"} == {(0.667, 0.167, 0.75)}


def test_what_is_out_of_reach_is_counted_in() -> None:
    found = graph("ab", alone="cde")

    assert scores(found, "a") == (0.25, 0, 0.25)
    assert scores(found, "c") == (0, 0, 0)


def test_one_node_and_none() -> None:
    assert scores(graph(alone="a"), "a") == (0, 0, 0)
    assert (graph().centrality, graph().clusters) == ({}, [])


def test_two_triangles_with_a_link_are_two_clusters() -> None:
    found = graph("ab", "bc", "ca", "cd", "de", "ef", "fd", calls=5)

    assert clusters(found) == ["abc", "def"]
    assert [(one.id, one.calls_inside, one.calls_across) for one in found.clusters] == [(0, 15, 5), (1, 15, 5)]
    # Through c lead all ways between a and b on one side and the three on the other: 6 of 10 pairs.
    assert scores(found, "c") == (0.6, 0.6, 0.714)


def test_many_calls_tie_together() -> None:
    pairs = {(place("a"), place("b")): 90, (place("b"), place("c")): 1, (place("c"), place("d")): 90}

    found = analysed(map(place, "abcd"), pairs)

    assert clusters(found) == ["ab", "cd"]


def test_a_node_alone_is_a_cluster_and_the_largest_come_first() -> None:
    assert clusters(graph("xy", "yz", "xz", alone="ba")) == ["xyz", "a", "b"]


def test_a_pair_has_the_calls_of_both_directions_and_all_connections() -> None:
    a, b, user, queue = place("a"), place("b"), Place("user", "user"), Place("a", "messaging")

    pairs = pairs_of(
        [edge(a, b, 2), edge(b, a, 3), edge(a, b, 4, "messaging"), edge(a, a), edge(user, a), edge(a, queue, 7)]
    )

    assert pairs == {(a, b): 9, (queue, a): 7}


def test_the_same_whatever_the_order() -> None:
    rnd = random.Random(5)
    names = [place(f"n{number}") for number in range(40)]
    pairs = {tuple(sorted(pair)): rnd.randint(1, 9) for pair in rnd.sample(list(combinations(names, 2)), 90)}
    mixed = dict(rnd.sample(list(pairs.items()), len(pairs)))

    found = analysed(names, {(one, other): calls for (one, other), calls in pairs.items()})
    again = analysed(reversed(names), {(one, other): calls for (one, other), calls in mixed.items()})

    assert found == again
    assert len(found.clusters) < 40


def test_large_graphs_are_estimated_and_it_says_so() -> None:
    """A star of 200: whatever nodes it is estimated from, only the centre lies between others."""
    names = [place(f"n{number:03}") for number in range(200)]
    pairs = {(names[0], other): 1 for other in names[1:]}

    found = analysed(names, pairs, most_steps=20 * 598, most_clustered=100)

    assert (found.pivots, found.by_modularity) == (20, False)
    assert found.centrality[names[0]].betweenness > 0.9
    assert found.centrality[names[1]].betweenness == 0
    assert found.centrality[names[0]].degree == 1
    assert found.centrality[names[0]].closeness is None
    assert len(found.clusters) == 1


def node(name: str, requests: int, status: Status = "healthy") -> TopologyNode:
    return TopologyNode(
        name=name,
        type="service",
        services=[],
        named_by_service=False,
        location=Location(region=None, zone=None, host=None),
        status=status,
        reasons=[],
        first_seen=None,
        last_seen=None,
        requests=requests,
        errors=0,
        latency_ns=latency_answer([], 0, 0, 0),
        neighbours=0,
        reachable=0,
        centrality=None,
        cluster=None,
    )


def test_leaves_out_the_least_telling_and_keeps_the_order() -> None:
    nodes = [node("a", 1), node("b", 5), node("c", 0, "unhealthy"), node("d", 3)]
    edges = [edge(place("b"), place("d"), 1), edge(place("a"), place("b"), 99), edge(place("d"), place("c"), 7)]

    shown = room_for(nodes, edges, most_nodes=3, most_edges=1)
    everything = room_for(nodes, edges)

    assert [one.name for one in shown.nodes] == ["b", "c", "d"]
    assert [(one.client, one.server) for one in shown.edges] == [("d", "c")]
    assert (everything.nodes, everything.edges) == (nodes, edges)
