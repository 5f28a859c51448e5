"""The service map as text that draws itself elsewhere: Graphviz DOT and Mermaid."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

Calls = Iterable[tuple[str, str, int]]


def as_dot(services: Sequence[str], calls: Calls) -> str:
    """A digraph: one node a service, one edge a connection, labelled with its calls."""
    lines = [f"  {_quoted(service)};" for service in services]
    lines += [f'  {_quoted(client)} -> {_quoted(server)} [label="{count}"];' for client, server, count in calls]
    return "\n".join(["digraph services {", "  rankdir=LR;", "  node [shape=box];", *lines, "}", ""])


def as_mermaid(services: Sequence[str], calls: Calls) -> str:
    """A flowchart: ids are numbers, because names of services may hold anything."""
    calls = list(calls)
    names = dict.fromkeys([*services, *(name for client, server, _ in calls for name in (client, server))])
    ids = {name: f"s{number}" for number, name in enumerate(names)}
    lines = [f'  {ids[name]}["{html.escape(_one_line(name))}"]' for name in names]
    lines += [f"  {ids[client]} -->|{count}| {ids[server]}" for client, server, count in calls]
    return "\n".join(["flowchart LR", *lines, ""])


def _quoted(name: str) -> str:
    escaped = _one_line(name).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _one_line(name: str) -> str:
    return " ".join(name.split())
