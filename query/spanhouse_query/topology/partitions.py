"""Partitions: peers that exchanged calls in the previous window, are still there and no longer reach one another."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from spanhouse_query.service_map.answer import Edge, Place
from spanhouse_query.topology.answer import LostCalls, Partition
from spanhouse_query.topology.graph import components
from spanhouse_query.topology.links import ends_of

_SHOWN = 20
Pair = tuple[Place, Place]


def partitions_of(
    edges: Iterable[Edge], previous: Iterable[LostCalls], present: Collection[Place], min_calls: int
) -> list[Partition]:
    """The partitions, that of the most calls first.

    Calls connect peers directly and through queues, whichever way they go. Of the previous window a pair needs
    `min_calls` calls, so that their absence is not chance, and both of its ends `present` or queues; of the current one
    a single call connects, even one that failed.
    """
    now = components(edge.ends for edge in edges if _hand_on(edge.ends))
    links = _passed_on(_enough([one for one in previous if _stay(ends_of(one), present)], min_calls))
    before = components(ends_of(one) for one in links)
    torn: dict[int, list[LostCalls]] = {}
    for one in links:
        client, server = ends_of(one)
        if now.get(client, client) != now.get(server, server):
            torn.setdefault(before[client], []).append(one)
    members: dict[int, dict[int | Place, list[str]]] = {component: {} for component in torn}
    for place, component in before.items():
        if place.type == "service" and component in torn:
            members[component].setdefault(now.get(place, place), []).append(place.name)
    found = [_partition(list(parts.values()), torn[number]) for number, parts in members.items() if len(parts) > 1]
    return sorted(found, key=lambda partition: (-partition.calls, partition.parts))


def _partition(parts: Sequence[list[str]], lost: Sequence[LostCalls]) -> Partition:
    return Partition(
        parts=sorted((sorted(part) for part in parts), key=lambda part: (-len(part), part)),
        calls=sum(one.calls for one in lost),
        last_minute=str(max(int(one.minute) for one in lost)),
        lost=sorted(lost, key=lambda one: (-one.calls, ends_of(one), one.connection))[:_SHOWN],
    )


def _hand_on(ends: tuple[Place, Place]) -> bool:
    """Whether calls between these connect peers: databases and hosts elsewhere hand nothing on."""
    return ends[0] != ends[1] and all(place.type in ("service", "messaging") for place in ends)


def _stay(ends: tuple[Place, Place], present: Collection[Place]) -> bool:
    return _hand_on(ends) and all(place.type == "messaging" or place in present for place in ends)


def _passed_on(calls: Sequence[LostCalls]) -> list[LostCalls]:
    """Without the calls to and from queues that nobody received from, or sent to: these connect nobody."""
    clients = {Place(one.client, one.client_type) for one in calls}
    servers = {Place(one.server, one.server_type) for one in calls}
    return [
        one for one in calls if all(place.type == "service" or place in clients & servers for place in ends_of(one))
    ]


def _enough(calls: Sequence[LostCalls], min_calls: int) -> list[LostCalls]:
    """Those of pairs that exchanged `min_calls`, both directions together."""
    exchanged: dict[frozenset[Place], int] = {}
    for one in calls:
        exchanged[frozenset(ends_of(one))] = exchanged.get(frozenset(ends_of(one)), 0) + one.calls
    return [one for one in calls if exchanged[frozenset(ends_of(one))] >= min_calls]
