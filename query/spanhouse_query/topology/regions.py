"""The health of regions, and of all of them together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from spanhouse_query.topology.answer import Network, Region, RegionStatus, TopologyNode
from spanhouse_query.topology.links import Link, connectivity


def peers_of(nodes: Iterable[TopologyNode]) -> list[TopologyNode]:
    """The nodes that send spans."""
    return [node for node in nodes if node.type == "service"]


def regions_of(nodes: Iterable[TopologyNode], links: Iterable[Link], end: int) -> list[Region]:
    """One record a region, by name, peers without a region last. end: the instant that is described."""
    peers: dict[str | None, list[TopologyNode]] = {}
    for peer in peers_of(nodes):
        peers.setdefault(peer.location.region, []).append(peer)
    home = {peer.place: region for region, ours in peers.items() for peer in ours}
    inside: dict[str | None, list[Link]] = {region: [] for region in peers}
    across: dict[str | None, list[Link]] = {region: [] for region in peers}
    for link in links:
        touched = {home[place] for place in (link.client, link.server) if place in home}
        for region in touched:
            (across if len(touched) > 1 else inside)[region].append(link)
    names = sorted(peers, key=lambda name: (name is None, name or ""))
    return [_region(name, peers[name], inside[name], across[name], end) for name in names]


def network_of(nodes: Iterable[TopologyNode], links: Sequence[Link], end: int) -> Network:
    """All peers, whatever their region."""
    peers = peers_of(nodes)
    statuses = [peer.status for peer in peers]
    medians = [peer.latency_ns.p50 for peer in peers if peer.latency_ns.p50 is not None]
    return Network(
        total_peers=len(peers),
        healthy_peers=statuses.count("healthy"),
        degraded_peers=statuses.count("degraded"),
        unhealthy_peers=statuses.count("unhealthy"),
        average_latency_ns=round(sum(medians) / len(medians)) if medians else 0,
        connectivity=connectivity(links),
        last_updated=str(end),
    )


def region_status(health_ratio: float, connected: float) -> RegionStatus:
    """The status by both shares."""
    if health_ratio >= 0.8 and connected >= 0.9:
        return "healthy"
    return "degraded" if health_ratio >= 0.5 or connected >= 0.7 else "critical"


def _region(
    name: str | None, peers: Sequence[TopologyNode], inside: Sequence[Link], across: Sequence[Link], end: int
) -> Region:
    healthy = sum(peer.status == "healthy" for peer in peers)
    health_ratio, connected = healthy / len(peers), connectivity(inside)
    return Region(
        region=name,
        status=region_status(health_ratio, connected),
        total_peers=len(peers),
        healthy_peers=healthy,
        health_ratio=health_ratio,
        connectivity=connected,
        cross_region_health=connectivity(across) if across else None,
        last_assessed=str(end),
    )
