"""The nodes of a topology: the peers with what is known of them, and what they call that sends no spans."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from spanhouse_query.config import SECOND
from spanhouse_query.percentiles import Latency, latency_answer
from spanhouse_query.service_map.answer import NO_LATENCY, Edge, Place, view_latency
from spanhouse_query.topology.answer import Centrality, Location, Status, TopologyNode
from spanhouse_query.topology.links import Link, neighbours_of
from spanhouse_query.topology.status import Thresholds, Vitals, judged

NOWHERE = Location(region=None, zone=None, host=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A node before it is judged. first_seen, last_seen: nanoseconds since 1970. spans: stored ones of its requests."""

    place: Place
    services: Sequence[str] = ()
    named_by_service: bool = False
    location: Location = NOWHERE
    first_seen: int | None = None
    last_seen: int | None = None
    spans: int = 0
    requests: int = 0
    errors: int = 0
    latency_ns: Latency = field(default_factory=lambda: NO_LATENCY)


def present_places(peers: Iterable[Mapping[str, Any]], edges: Iterable[Edge]) -> set[Place]:
    """The nodes of the current window: what sent a span in it, and the ends of its calls."""
    sending = {Place(row["name"], "service") for row in peers if row["present"]}
    return sending | {place for edge in edges for place in edge.ends}


def known_nodes(
    peers: Iterable[Mapping[str, Any]], called: Iterable[Mapping[str, Any]], edges: Iterable[Edge]
) -> list[Known]:
    """Every peer and every other end of an edge; peers first, then by name. called: rows of a map, of callees."""
    nodes = {place: Known(place=place) for edge in edges for place in edge.ends}
    callees = (_callee(row) for row in called if row["server_type"] != "service")
    for one in (*callees, *map(_peer, peers)):
        nodes[one.place] = one
    return [nodes[place] for place in sorted(nodes, key=lambda place: (place.type != "service", place))]


def judged_nodes(
    known: Iterable[Known],
    links: Iterable[Link],
    *,
    thresholds: Thresholds,
    end: int,
    centrality: Mapping[Place, Centrality],
    cluster: Mapping[Place, int],
) -> Iterator[TopologyNode]:
    """The nodes with their status at the instant `end`, and what the graph says of them."""
    neighbours = neighbours_of(links)
    for one in known:
        around = neighbours.get(one.place, {})
        status, reasons = _judged(one, around, thresholds, end)
        yield TopologyNode(
            name=one.place.name,
            type=one.place.type,
            services=list(one.services),
            named_by_service=one.named_by_service,
            location=one.location,
            status=status,
            reasons=reasons,
            first_seen=None if one.first_seen is None else str(one.first_seen),
            last_seen=None if one.last_seen is None else str(one.last_seen),
            requests=one.requests,
            errors=one.errors,
            latency_ns=one.latency_ns,
            neighbours=len(around),
            reachable=sum(around.values()),
            centrality=centrality.get(one.place),
            cluster=cluster.get(one.place),
        )


def _judged(one: Known, around: Mapping[Place, bool], thresholds: Thresholds, end: int) -> tuple[Status, list[str]]:
    """Nobody knows how users are."""
    if one.place.type == "user":
        return "unknown", []
    silent = one.place.type == "service" and one.last_seen is not None
    vitals = Vitals(
        spans=one.spans,
        requests=one.requests,
        errors=one.errors,
        latency_ns=one.latency_ns,
        silence=end - one.last_seen if silent and one.last_seen is not None else None,
        neighbours=len(around),
        reachable=sum(around.values()),
    )
    return judged(vitals, thresholds)


def _peer(row: Mapping[str, Any]) -> Known:
    region, zone, host = (value or None for value in row["location"])
    return Known(
        place=Place(row["name"], "service"),
        services=row["services"],
        named_by_service=bool(row["named_by_service"]),
        location=Location(region=region, zone=zone, host=host),
        first_seen=row["first_seen"] * 1_000_000,
        last_seen=row["last_seen"],
        spans=row["spans"],
        requests=round(row["requests"]),
        errors=round(row["errors"]),
        latency_ns=latency_answer(row["percentiles"], row["spans"], row["largest"], 0.0),
    )


def _callee(row: Mapping[str, Any]) -> Known:
    return Known(
        place=Place(row["server"], row["server_type"]),
        last_seen=row["last_minute"] * SECOND,
        spans=row["stored"],
        requests=round(row["calls"]),
        errors=round(row["errors"]),
        latency_ns=view_latency(row, "client"),
    )
