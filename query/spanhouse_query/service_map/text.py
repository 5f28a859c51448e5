"""The service map as text that draws itself elsewhere: Graphviz DOT and Mermaid."""

from __future__ import annotations

import html

from spanhouse_query.durations import shown_duration
from spanhouse_query.service_map.answer import Edge, Place, ServiceMap

_MILLISECOND = 1_000_000
_DOT_SHAPES = {
    "service": 'shape=box, style="rounded,filled", fillcolor="#eef3f8"',
    "database": 'shape=cylinder, style=filled, fillcolor="#f3eef8"',
    "messaging": 'shape=cds, style=filled, fillcolor="#f8f3e6"',
    "external": 'shape=box, style="dashed,filled", fillcolor="#f4f4f4"',
    "user": 'shape=circle, style=filled, fillcolor="#e9f5ec"',
}
_MERMAID_SHAPES = {
    "service": ("(", ")"),
    "database": ("[(", ")]"),
    "messaging": ("[[", "]]"),
    "external": ("{{", "}}"),
    "user": ("((", "))"),
}


def as_dot(found: ServiceMap) -> str:
    """A digraph. Shapes tell the types of nodes; an edge is green and wide below 50 ms (p95), orange below 200 ms, red
    and thin from there, grey where nothing is known of its latency."""
    ids = _ids(found)
    estimated = found.meta.sampling is not None
    lines = [f"  {ids[place]} [label={quoted(place.name)}, {_DOT_SHAPES[place.type]}];" for place in ids]
    for edge in found.edges:
        client, server = (ids[place] for place in edge.ends)
        colour, width = pen(edge)
        label = quoted(call_label(edge, estimated=estimated))
        lines.append(f"  {client} -> {server} [label={label}, color={colour}, penwidth={width}];")
    return "\n".join(["digraph services {", "  rankdir=LR;", "  node [fontname=Helvetica];", *lines, "}", ""])


def as_mermaid(found: ServiceMap) -> str:
    """A flowchart: ids are numbers, because names may hold anything."""
    ids = _ids(found)
    lines = []
    for place, identity in ids.items():
        opening, closing = _MERMAID_SHAPES[place.type]
        lines.append(f'  {identity}{opening}"{html.escape(one_line(place.name))}"{closing}')
    for edge in found.edges:
        client, server = (ids[place] for place in edge.ends)
        lines.append(f'  {client} -->|"{call_label(edge, estimated=found.meta.sampling is not None)}"| {server}')
    return "\n".join(["flowchart LR", *lines, ""])


def latency_of(edge: Edge) -> int | None:
    """The p95 that a drawing shows: the caller's, or the callee's where no caller's is known."""
    return edge.client_ns.p95 if edge.client_ns.n else edge.server_ns.p95


def _ids(found: ServiceMap) -> dict[Place, str]:
    ends = (place for edge in found.edges for place in edge.ends)
    places = dict.fromkeys([*(node.place for node in found.nodes), *ends])
    return {place: f"n{number}" for number, place in enumerate(places)}


def call_label(edge: Edge, *, estimated: bool) -> str:
    """What a drawing says of an edge: calls, with ≈ where traffic is sampled, p95 and time in queue."""
    waits = edge.connection == "messaging" and edge.gap_ns.p95 is not None
    latency = latency_of(edge)
    parts = [
        f"{'≈' if estimated else ''}{edge.calls}",
        *([f"p95 {shown_duration(latency)}"] if latency is not None else []),
        *([f"in queue {shown_duration(edge.gap_ns.p95)}"] if waits else []),
    ]
    return ", ".join(parts)


def pen(edge: Edge) -> tuple[str, int]:
    """Colour and width of an edge in DOT, by its p95."""
    latency = latency_of(edge)
    if latency is None:
        return "gray", 1
    if latency < 50 * _MILLISECOND:
        return "green", 3
    return ("orange", 2) if latency < 200 * _MILLISECOND else ("red", 1)


def quoted(*lines: str) -> str:
    """A string of DOT that shows these lines."""
    escaped = (one_line(line).replace("\\", "\\\\").replace('"', '\\"') for line in lines)
    return '"' + "\\n".join(escaped) + '"'


def one_line(name: str) -> str:
    """The name without line breaks."""
    return " ".join(name.split())
