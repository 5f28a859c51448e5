"""The topology as text that draws itself elsewhere: Graphviz DOT and Mermaid. Colours tell the status."""

from __future__ import annotations

import html

from spanhouse_query.service_map.answer import Place
from spanhouse_query.service_map.text import call_label, one_line, pen, quoted
from spanhouse_query.topology.answer import Status, Topology, TopologyNode

_COLOURS: dict[Status, str] = {"healthy": "green", "degraded": "yellow", "unhealthy": "red", "unknown": "gray"}


def as_dot(found: Topology) -> str:
    """A digraph of circles filled by status; edges as in the service map's, those that are gone dashed."""
    ids = _ids(found)
    estimated = found.meta.sampling is not None
    lines = [
        f"  {ids[node.place]} [label={quoted(*_lines(node))}, fillcolor={_COLOURS[node.status]}];"
        for node in found.nodes
    ]
    for edge in found.edges:
        client, server = (ids[place] for place in edge.ends)
        colour, width = pen(edge)
        label = quoted(call_label(edge, estimated=estimated))
        lines.append(f"  {client} -> {server} [label={label}, color={colour}, penwidth={width}];")
    lines += [f"  {client} -> {server} [color=red, style=dashed];" for client, server in _lost(found, ids)]
    head = ["digraph topology {", "  rankdir=LR;", "  node [shape=circle, style=filled, fontname=Helvetica];"]
    return "\n".join([*head, *lines, "}", ""])


def as_mermaid(found: Topology) -> str:
    """A flowchart of the same."""
    ids = _ids(found)
    lines = []
    for node in found.nodes:
        label = "<br/>".join(html.escape(one_line(line)) for line in _lines(node))
        lines.append(f'  {ids[node.place]}(("{label}")):::{node.status}')
    for edge in found.edges:
        client, server = (ids[place] for place in edge.ends)
        lines.append(f'  {client} -->|"{call_label(edge, estimated=found.meta.sampling is not None)}"| {server}')
    lines += [f"  {client} -.-x {server}" for client, server in _lost(found, ids)]
    classes = [f"  classDef {status} fill:{colour},color:{_ink(status)}" for status, colour in _COLOURS.items()]
    return "\n".join(["flowchart LR", *lines, *classes, ""])


def _ids(found: Topology) -> dict[Place, str]:
    return {node.place: f"n{number}" for number, node in enumerate(found.nodes)}


def _lines(node: TopologyNode) -> list[str]:
    """Name and region; above them the service, where the name alone does not tell it."""
    service = [one for one in node.services if len(node.services) == 1 and not node.name.startswith(one)]
    return [*service, node.name, *([node.location.region] if node.location.region else [])]


def _lost(found: Topology, ids: dict[Place, str]) -> list[tuple[str, str]]:
    """Each pair of nodes once, whose calls are gone with a partition."""
    lost = (one for partition in found.partitions for one in partition.lost)
    ends = ((ids.get(Place(one.client, one.client_type)), ids.get(Place(one.server, one.server_type))) for one in lost)
    return list(dict.fromkeys((client, server) for client, server in ends if client and server))


def _ink(status: Status) -> str:
    return "white" if status in ("unhealthy", "healthy") else "black"
