"""The service map as an SVG in columns: each service one to the right of the farthest of its callers."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from spanhouse_query.service_map import Edge

_WIDTH, _HEIGHT, _GAP_X, _GAP_Y = 150, 34, 90, 22
_RISE = 40
MOST_SERVICES = 60


def drawing(edges: Sequence[Edge]) -> str:
    """An SVG element, empty text for no edges or for more services than can be looked at."""
    names = sorted({name for edge in edges for name in (edge.client, edge.server)})
    if not names or len(names) > MOST_SERVICES:
        return ""
    columns = _columns(names, edges)
    places = {
        name: (column * (_WIDTH + _GAP_X), row * (_HEIGHT + _GAP_Y))
        for column, members in enumerate(columns)
        for row, name in enumerate(members)
    }
    width = len(columns) * (_WIDTH + _GAP_X) - _GAP_X
    height = max(map(len, columns)) * (_HEIGHT + _GAP_Y) - _GAP_Y
    lines = "".join(_line(edge, places) for edge in edges)
    boxes = "".join(_box(name, *place) for name, place in places.items())
    return (
        f'<svg viewBox="-2 -{_RISE // 2} {width + 4} {height + _RISE}" width="{width}" height="{height + _RISE}" '
        'role="img" '
        'aria-label="Service map; the table below says the same">'
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        f'<path d="M0 0L8 4L0 8z"/></marker></defs>{lines}{boxes}</svg>'
    )


def _columns(names: Sequence[str], edges: Sequence[Edge]) -> list[list[str]]:
    """Longest way from a service that nobody calls; a cycle stops where it would come back."""
    callees = {name: sorted({edge.server for edge in edges if edge.client == name}) for name in names}
    called = {edge.server for edge in edges}
    depth = dict.fromkeys(names, 0)
    waiting: list[tuple[str, tuple[str, ...]]] = [(name, (name,)) for name in names if name not in called] or [
        (names[0], (names[0],))
    ]
    while waiting:
        name, way = waiting.pop()
        for callee in callees[name]:
            if callee not in way and depth[callee] < len(way):
                depth[callee] = len(way)
                waiting.append((callee, (*way, callee)))
    return [[name for name in names if depth[name] == level] for level in range(max(depth.values()) + 1)]


def _box(name: str, x: int, y: int) -> str:
    shown = name if len(name) <= 20 else f"{name[:19]}…"
    return (
        f'<g><title>{escape(name)}</title><rect x="{x}" y="{y}" width="{_WIDTH}" height="{_HEIGHT}" rx="6"/>'
        f'<text x="{x + _WIDTH // 2}" y="{y + 22}">{escape(shown)}</text></g>'
    )


def _line(edge: Edge, places: dict[str, tuple[int, int]]) -> str:
    """From the right side of the caller to the left of the callee, over what stands between them where that is more
    than the next column.
    """
    (from_x, from_y), (to_x, to_y) = places[edge.client], places[edge.server]
    start_x, start_y, end_y = from_x + _WIDTH, from_y + _HEIGHT // 2, to_y + _HEIGHT // 2
    bend = _GAP_X // 2 if to_x > from_x else _GAP_X
    rise = 0 if to_x - from_x == _WIDTH + _GAP_X else _RISE
    title = escape(f"{edge.client} → {edge.server}: {edge.calls} calls, {edge.errors} errors")
    kind = ' class="bad"' if edge.errors else ""
    curve = f"M{start_x} {start_y}C{start_x + bend} {start_y - rise} {to_x - bend} {end_y - rise} {to_x} {end_y}"
    return f'<path{kind} d="{curve}" marker-end="url(#tip)"><title>{title}</title></path>'
