"""The topology from a plan of calls, in plain Python: docs/topology.md written down once more."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.query.instances import Instance

QUEUE = ("queue", "messaging")
DATABASE = ("db", "database")
MIN_CALLS = 10
Node = tuple[str, str]
Pair = tuple[Node, Node]


@dataclass(frozen=True)
class Calls:
    """Calls of one minute. A caller or callee may be the queue, a callee the database."""

    client: Node
    server: Node
    times: int
    failed: int = 0


@dataclass(frozen=True)
class Plan:
    """What happens: calls in the window before and in the range, and who only shows that it lives, in which."""

    instances: Sequence[Instance]
    before: Sequence[Calls]
    now: Sequence[Calls]
    alive_before: Collection[Node]
    alive_now: Collection[Node]


def name_of(instance: Instance) -> Node:
    return instance.id or instance.service, "service"


def check_topology(plan: Plan, found: Mapping[str, Any]) -> None:
    """AssertionError unless it says what the plan says."""
    homes = {name_of(one): one.region or None for one in plan.instances}
    present = set(plan.alive_now) | _ends(plan.now)
    seen = present | set(plan.alive_before) | {place for place in _ends(plan.before) if place in homes}
    links = _links(plan, present)
    nodes = {(one["name"], one["type"]): one for one in found["nodes"]}
    assert set(nodes) == seen
    for place, one in nodes.items():
        around = {other for ends in links if place in ends for other in ends if other != place}
        reached = {other for other in around if links.get((place, other)) or links.get((other, place))}
        assert (one["neighbours"], one["reachable"]) == (len(around), len(reached)), place
        assert one["status"] == _status(plan, place, present, bool(around), bool(reached)), place
        assert (one["centrality"] is not None) == (place in present), place
    assert _partitions(plan, present, homes) == [
        ({frozenset(part) for part in one["parts"]}, one["calls"]) for one in found["partitions"]
    ]
    _check_regions(found, homes, links, {place: one["status"] for place, one in nodes.items()})


def _ends(calls: Sequence[Calls]) -> set[Node]:
    return {place for one in calls for place in (one.client, one.server)}


def _total(calls: Sequence[Calls], ends: Pair, of: Callable[[Calls], int]) -> int:
    return sum(of(one) for one in calls if (one.client, one.server) == ends)


def _links(plan: Plan, present: Collection[Node]) -> dict[Pair, bool]:
    """Known links, and whether each works."""
    links = {}
    for client, server in {(one.client, one.server) for one in (*plan.before, *plan.now)}:
        if client == server or client not in present or server not in present:
            continue
        ends = (client, server)
        good = _total(plan.now, ends, lambda one: one.times - one.failed)
        most = max(_total(calls, ends, lambda one: one.times) for calls in (plan.before, plan.now))
        if good or most >= MIN_CALLS:
            links[ends] = good > 0
    return links


def _status(plan: Plan, place: Node, present: Collection[Node], linked: bool, reached: bool) -> str:
    """All durations are short, and all present peers were seen a minute before the end."""
    if place not in present:
        return "unhealthy"
    asked = [one for one in plan.now if one.server == place]
    requests, errors = sum(one.times for one in asked), sum(one.failed for one in asked)
    if requests >= MIN_CALLS and errors / requests >= 0.25:
        return "unhealthy"
    if requests >= MIN_CALLS and errors / requests >= 0.05:
        return "degraded"
    return "degraded" if linked and not reached else "healthy"


def _groups(pairs: Collection[Pair], nodes: Collection[Node]) -> list[set[Node]]:
    """Connected components, by joining until nothing changes."""
    groups = [{place} for place in nodes]
    for one, other in pairs:
        joined = [group for group in groups if one in group or other in group]
        groups = [group for group in groups if group not in joined] + [set().union(*joined)]
    return groups


def _partitions(
    plan: Plan, present: Collection[Node], homes: Collection[Node]
) -> list[tuple[set[frozenset[str]], int]]:
    def hands_on(ends: Pair) -> bool:
        return ends[0] != ends[1] and DATABASE not in ends

    before = [
        one
        for one in plan.before
        if hands_on((one.client, one.server))
        and all(place == QUEUE or place in present for place in (one.client, one.server))
        and _total(plan.before, (one.client, one.server), lambda calls: calls.times)
        + _total(plan.before, (one.server, one.client), lambda calls: calls.times)
        >= MIN_CALLS
    ]
    if not (any(one.client == QUEUE for one in before) and any(one.server == QUEUE for one in before)):
        before = [one for one in before if QUEUE not in (one.client, one.server)]
    everyone = {*homes, QUEUE}
    now = _groups([(one.client, one.server) for one in plan.now if hands_on((one.client, one.server))], everyone)
    found = []
    for group in _groups([(one.client, one.server) for one in before], _ends(before)):
        parts = [{place for place in group & part if place != QUEUE} for part in now]
        lost = [
            one
            for one in before
            if one.client in group and not any(one.client in part and one.server in part for part in now)
        ]
        if sum(bool(part) for part in parts) > 1:
            names = {frozenset(name for name, _ in part) for part in parts if part}
            found.append((names, sum(one.times for one in lost)))
    return sorted(found, key=lambda one: (-one[1], sorted((sorted(part) for part in one[0]), key=_by_size)))


def _by_size(part: Sequence[str]) -> tuple[int, Sequence[str]]:
    return -len(part), part


def _check_regions(
    found: Mapping[str, Any],
    homes: Mapping[Node, str | None],
    links: Mapping[Pair, bool],
    statuses: Mapping[Node, str],
) -> None:
    peers = {place: home for place, home in homes.items() if place in statuses}
    assert [one["region"] for one in found["regions"]] == sorted(set(peers.values()), key=lambda name: name or "~")
    for one in found["regions"]:
        ours = {place for place, home in peers.items() if home == one["region"]}
        healthy = sum(statuses[place] == "healthy" for place in ours)
        assert (one["total_peers"], one["healthy_peers"]) == (len(ours), healthy)
        assert one["health_ratio"] == healthy / len(ours)
        touching = {ends: works for ends, works in links.items() if ours & set(ends)}
        across = [works for ends, works in touching.items() if (set(ends) & set(peers)) - ours]
        inside = [works for ends, works in touching.items() if not (set(ends) & set(peers)) - ours]
        assert one["connectivity"] == _share(inside)
        assert one["cross_region_health"] == (_share(across) if across else None)
        good = healthy / len(ours) >= 0.8 and _share(inside) >= 0.9
        fair = healthy / len(ours) >= 0.5 or _share(inside) >= 0.7
        assert one["status"] == ("healthy" if good else "degraded" if fair else "critical")
    network = found["network"]
    assert network["connectivity"] == _share(list(links.values()))
    for status in ("healthy", "degraded", "unhealthy"):
        assert network[f"{status}_peers"] == sum(statuses[place] == status for place in peers)


def _share(works: Sequence[bool]) -> float:
    return sum(works) / len(works) if works else 1.0
