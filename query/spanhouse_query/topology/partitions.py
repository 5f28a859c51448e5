"""Partitions: peers that exchanged calls in the previous window, are still there and no longer reach one another."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from spanhouse_query.config import SECOND
from spanhouse_query.service_map.answer import Place
from spanhouse_query.topology.answer import LostCalls, Partition
from spanhouse_query.topology.calls import Calls
from spanhouse_query.topology.graph import components

_SHOWN = 20


def partitions_of(
    current: Iterable[Calls], previous: Iterable[Calls], present: Collection[Place], min_calls: int
) -> list[Partition]:
    """The partitions, that of the most calls first.

    Calls connect peers directly and through queues, whichever way they go. Of the previous window a pair needs
    `min_calls` calls, so that their absence is not chance, and both of its ends `present` or queues; of the current one
    a single call connects, even one that failed.
    """
    now = components(one.ends for one in current if _hand_on(one.ends))
    links = _passed_on(_enough([one for one in previous if _stay(one.ends, present)], min_calls))
    before = components(one.ends for one in links)
    torn: dict[int, list[Calls]] = {}
    for one in links:
        if now.get(one.client, one.client) != now.get(one.server, one.server):
            torn.setdefault(before[one.client], []).append(one)
    members: dict[int, dict[int | Place, list[str]]] = {component: {} for component in torn}
    for place, component in before.items():
        if place.type == "service" and component in torn:
            members[component].setdefault(now.get(place, place), []).append(place.name)
    found = [_partition(list(parts.values()), torn[number]) for number, parts in members.items() if len(parts) > 1]
    return sorted(found, key=lambda partition: (-partition.calls, partition.parts))


def _partition(parts: Sequence[list[str]], lost: Sequence[Calls]) -> Partition:
    return Partition(
        parts=sorted((sorted(part) for part in parts), key=lambda part: (-len(part), part)),
        calls=sum(one.calls for one in lost),
        last_minute=str(max(one.minute for one in lost) * SECOND),
        lost=[_lost(one) for one in sorted(lost, key=lambda one: (-one.calls, one.ends, one.connection))[:_SHOWN]],
    )


def _lost(one: Calls) -> LostCalls:
    return LostCalls(
        client=one.client.name,
        client_type=one.client.type,
        server=one.server.name,
        server_type=one.server.type,
        connection=one.connection,
        calls=one.calls,
        minute=str(one.minute * SECOND),
        trace=one.trace,
    )


def _hand_on(ends: tuple[Place, Place]) -> bool:
    """Whether calls between these connect peers: databases and hosts elsewhere hand nothing on."""
    return ends[0] != ends[1] and all(place.type in ("service", "messaging") for place in ends)


def _stay(ends: tuple[Place, Place], present: Collection[Place]) -> bool:
    return _hand_on(ends) and all(place.type == "messaging" or place in present for place in ends)


def _passed_on(calls: Sequence[Calls]) -> list[Calls]:
    """Without the calls to and from queues that nobody received from, or sent to: these connect nobody."""
    conduits = {one.client for one in calls} & {one.server for one in calls}
    return [one for one in calls if all(place.type == "service" or place in conduits for place in one.ends)]


def _enough(calls: Sequence[Calls], min_calls: int) -> list[Calls]:
    """Those of pairs that exchanged `min_calls`, both directions together."""
    exchanged: dict[frozenset[Place], int] = {}
    for one in calls:
        exchanged[frozenset(one.ends)] = exchanged.get(frozenset(one.ends), 0) + one.stored
    return [one for one in calls if exchanged[frozenset(one.ends)] >= min_calls]
