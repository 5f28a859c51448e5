"""What an answer has room for: everything is analysed, the most telling is shown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from spanhouse_query.service_map.answer import Edge
from spanhouse_query.topology.answer import TopologyNode

MOST_NODES = 5_000
MOST_EDGES = 10_000


@dataclass(frozen=True, slots=True)
class Shown:
    """The part that is shown, in the order of the whole; both ends of each edge are among the nodes."""

    nodes: list[TopologyNode]
    edges: list[Edge]


def room_for(
    nodes: Sequence[TopologyNode],
    edges: Iterable[Edge],
    *,
    most_nodes: int = MOST_NODES,
    most_edges: int = MOST_EDGES,
) -> Shown:
    """What is not healthy first, then what has the most requests; of edges those with the most calls."""
    ranked = sorted(nodes, key=lambda node: (node.status == "healthy", -node.requests))
    places = {node.place for node in ranked[:most_nodes]}
    between = [edge for edge in edges if places.issuperset(edge.ends)]
    ranks = sorted(range(len(between)), key=lambda number: -between[number].calls)
    return Shown(
        [node for node in nodes if node.place in places],
        [between[number] for number in sorted(ranks[:most_edges])],
    )
