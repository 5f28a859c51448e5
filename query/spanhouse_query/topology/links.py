"""Links: who called whom in the two windows, over whatever connection, and which links still work."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from spanhouse_query.service_map.answer import Place
from spanhouse_query.topology.calls import Calls


@dataclass(frozen=True, slots=True)
class Link:
    """A link that is known, between two nodes that are present."""

    client: Place
    server: Place
    works: bool


def known_links(
    current: Sequence[Calls], previous: Iterable[Calls], present: Collection[Place], min_calls: int
) -> list[Link]:
    """The links between different nodes that are `present`, but for those of users.

    Known is what works, and what had `min_calls` calls in one of the windows.
    """
    now, before = _stored(current), _stored(previous)
    good = {one.ends for one in current if one.good}
    return [
        Link(*ends, works=ends in good)
        for ends in sorted({*now, *before})
        if _counts(ends, present) and (ends in good or max(now[ends], before[ends]) >= min_calls)
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


def _stored(calls: Iterable[Calls]) -> Counter[tuple[Place, Place]]:
    stored: Counter[tuple[Place, Place]] = Counter()
    for one in calls:
        stored[one.ends] += one.stored
    return stored


def _counts(ends: tuple[Place, Place], present: Collection[Place]) -> bool:
    return ends[0] != ends[1] and all(place in present and place.type != "user" for place in ends)
