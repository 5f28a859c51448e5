"""Links: who called whom in the two windows, over whatever connection, and which links still work."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from spanhouse_query.service_map.answer import Edge, Place
from spanhouse_query.topology.answer import LostCalls


@dataclass(frozen=True, slots=True)
class Link:
    """A link that is known, between two nodes that are present."""

    client: Place
    server: Place
    works: bool


def known_links(
    edges: Iterable[Edge], previous: Iterable[LostCalls], present: Collection[Place], min_calls: int
) -> list[Link]:
    """The links between different nodes that are `present`, but for those of users.

    Known is what works, and what had `min_calls` calls in one of the windows.
    """
    calls: dict[tuple[Place, Place], int] = {}
    good: set[tuple[Place, Place]] = set()
    before: dict[tuple[Place, Place], int] = {}
    for edge in edges:
        calls[edge.ends] = calls.get(edge.ends, 0) + edge.calls
        if edge.calls > edge.errors:
            good.add(edge.ends)
    for one in previous:
        before[ends_of(one)] = before.get(ends_of(one), 0) + one.calls
    return [
        Link(*ends, works=ends in good)
        for ends in sorted({*calls, *before})
        if _counts(ends, present) and (ends in good or max(calls.get(ends, 0), before.get(ends, 0)) >= min_calls)
    ]


def connectivity(links: Sequence[Link]) -> float:
    """The share that works, 1 without any."""
    return sum(link.works for link in links) / len(links) if links else 1.0


def neighbours_of(links: Iterable[Link]) -> dict[Place, dict[Place, bool]]:
    """For each node those it is linked with, in either direction, and whether a link with them works."""
    found: dict[Place, dict[Place, bool]] = {}
    for link in links:
        for place, other in ((link.client, link.server), (link.server, link.client)):
            around = found.setdefault(place, {})
            around[other] = around.get(other, False) or link.works
    return found


def ends_of(one: LostCalls) -> tuple[Place, Place]:
    """The nodes that the calls connected."""
    return Place(one.client, one.client_type), Place(one.server, one.server_type)


def _counts(ends: tuple[Place, Place], present: Collection[Place]) -> bool:
    return ends[0] != ends[1] and all(place in present and place.type != "user" for place in ends)
