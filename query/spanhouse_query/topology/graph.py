"""What the calls say as a graph: how central each node is, and which belong together.

The graph is undirected and simple: nodes are neighbours where a call went from one to the other, whichever way; a pair
weighs as many calls as it exchanged. The same calls give the same results: nodes are numbered by name, seeds are fixed.

networkx is imported by the functions: it takes a tenth of a second and 15 MiB, and most processes draw no topology.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from spanhouse_query.service_map.answer import Edge, Place
from spanhouse_query.topology.answer import Centrality, Cluster, PlaceAnswer

if TYPE_CHECKING:
    import networkx

# Steps of Brandes' algorithm, nodes by nodes and pairs: about a second of Python.
MOST_STEPS = 4_000_000
# Nodes and pairs up to which Louvain's method takes less than two seconds.
MOST_CLUSTERED = 40_000
_SEED = 1

Pairs = Mapping[tuple[Place, Place], int]


@dataclass(frozen=True, slots=True)
class Graph:
    """What was found. pivots: how many nodes the betweenness was estimated from, None where it is exact."""

    centrality: Mapping[Place, Centrality]
    clusters: Sequence[Cluster]
    pivots: int | None
    by_modularity: bool


def pairs_of(edges: Iterable[Edge]) -> dict[tuple[Place, Place], int]:
    """Calls by pair of different nodes, both directions added up; those of users do not count."""
    pairs: dict[tuple[Place, Place], int] = {}
    for edge in edges:
        one, other = sorted(edge.ends)
        if one != other and "user" not in (one.type, other.type):
            pairs[one, other] = pairs.get((one, other), 0) + edge.calls
    return pairs


def components(pairs: Iterable[tuple[Place, Place]]) -> dict[Place, int]:
    """For each node that is in a pair the number of its component."""
    import networkx

    graph: networkx.Graph[Place] = networkx.Graph()
    graph.add_edges_from(pairs)
    return {place: number for number, group in enumerate(networkx.connected_components(graph)) for place in group}


def analysed(
    places: Iterable[Place], pairs: Pairs, *, most_steps: int = MOST_STEPS, most_clustered: int = MOST_CLUSTERED
) -> Graph:
    """Centralities and clusters of the graph of these nodes. Pairs are of nodes among `places`."""
    import networkx

    known = sorted(places)
    numbers = {place: number for number, place in enumerate(known)}
    graph: networkx.Graph[int] = networkx.Graph()
    graph.add_nodes_from(range(len(known)))
    graph.add_weighted_edges_from(
        (numbers[one], numbers[other], calls) for (one, other), calls in sorted(pairs.items())
    )
    size = len(known) + 2 * len(pairs)
    pivots = None if len(known) * size <= most_steps else max(1, most_steps // size)
    by_modularity = len(known) + len(pairs) <= most_clustered
    if by_modularity:
        groups = networkx.community.louvain_communities(graph, seed=_SEED)
    else:
        groups = list(networkx.connected_components(graph))
    return Graph(
        dict(zip(known, _centralities(graph, pivots), strict=True)),
        _clusters([[known[number] for number in sorted(group)] for group in groups], pairs),
        pivots,
        by_modularity,
    )


def _centralities(graph: networkx.Graph[int], pivots: int | None) -> list[Centrality]:
    """By number of node."""
    import networkx

    others = max(1, len(graph) - 1)
    between = networkx.betweenness_centrality(graph, k=pivots, seed=_SEED)
    near = networkx.closeness_centrality(graph) if pivots is None else {}
    return [
        Centrality(degree=graph.degree[number] / others, betweenness=between[number], closeness=near.get(number))
        for number in range(len(graph))
    ]


def _clusters(groups: Iterable[Sequence[Place]], pairs: Pairs) -> list[Cluster]:
    ordered = sorted(groups, key=lambda group: (-len(group), group))
    cluster = {place: number for number, group in enumerate(ordered) for place in group}
    inside, across = [0] * len(ordered), [0] * len(ordered)
    for (one, other), calls in pairs.items():
        if cluster[one] == cluster[other]:
            inside[cluster[one]] += calls
        else:
            across[cluster[one]] += calls
            across[cluster[other]] += calls
    return [
        Cluster(
            id=number,
            nodes=[PlaceAnswer(name=place.name, type=place.type) for place in group],
            calls_inside=inside[number],
            calls_across=across[number],
        )
        for number, group in enumerate(ordered)
    ]
