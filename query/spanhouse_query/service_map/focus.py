"""What lies around a node."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from spanhouse_query.service_map.answer import Edge, Place


def neighbourhood(start: Iterable[Place], depth: int, edges: Sequence[Edge]) -> dict[Place, int]:
    """Distance in calls, up to `depth`, from the nodes `start` to those around, against the calls or with them."""
    neighbours: dict[Place, set[Place]] = {}
    for client, server in (edge.ends for edge in edges):
        neighbours.setdefault(client, set()).add(server)
        neighbours.setdefault(server, set()).add(client)
    distances = dict.fromkeys(start, 0)
    frontier = set(distances)
    for distance in range(1, depth + 1):
        frontier = {place for known in frontier for place in neighbours.get(known, ())} - distances.keys()
        distances.update(dict.fromkeys(frontier, distance))
    return distances


def within(edge: Edge, near: Mapping[Place, int], depth: int) -> bool:
    """Whether one end is less than `depth` calls away, so that the edge lies on a way of at most that length."""
    return min(near.get(place, depth) for place in edge.ends) < depth
