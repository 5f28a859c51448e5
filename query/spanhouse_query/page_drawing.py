"""The service map as an SVG in columns: each node one to the right of the farthest of its callers."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from spanhouse_query.durations import shown_duration
from spanhouse_query.service_map.answer import Edge, Place

_WIDTH, _HEIGHT, _GAP_X, _GAP_Y = 150, 34, 90, 22
_RISE = 40
MOST_NODES = 60


def drawing(edges: Sequence[Edge]) -> str:
    """An SVG element, empty text for no edges or for more nodes than can be looked at."""
    names = sorted({place for edge in edges for place in edge.ends})
    if not names or len(names) > MOST_NODES:
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


def _columns(names: Sequence[Place], edges: Sequence[Edge]) -> list[list[Place]]:
    """Longest way from a node that nobody calls; a cycle stops where it would come back."""
    callees = {name: sorted({edge.ends[1] for edge in edges if edge.ends[0] == name}) for name in names}
    called = {edge.ends[1] for edge in edges}
    depth = dict.fromkeys(names, 0)
    waiting: list[tuple[Place, tuple[Place, ...]]] = [(name, (name,)) for name in names if name not in called] or [
        (names[0], (names[0],))
    ]
    while waiting:
        name, way = waiting.pop()
        for callee in callees[name]:
            if callee not in way and depth[callee] < len(way):
                depth[callee] = len(way)
                waiting.append((callee, (*way, callee)))
    return [[name for name in names if depth[name] == level] for level in range(max(depth.values()) + 1)]


def _box(place: Place, x: int, y: int) -> str:
    """Each type has a shape of its own, and a peer says below its name what it is."""
    shown = place.name if len(place.name) <= 20 else f"{place.name[:19]}…"
    title = escape(place.name if place.type == "service" else f"{place.name} ({place.type})")
    if place.type == "service":
        label = f'<text x="{x + _WIDTH // 2}" y="{y + 22}">{escape(shown)}</text>'
    else:
        label = (
            f'<text x="{x + _WIDTH // 2}" y="{y + 16}">{escape(shown)}</text>'
            f'<text class="type" x="{x + _WIDTH // 2}" y="{y + 28}">{place.type}</text>'
        )
    return f'<g class="{place.type}"><title>{title}</title>{_shape(place, x, y)}{label}</g>'


def _shape(place: Place, x: int, y: int) -> str:
    """A drum for a database, a pipe for a queue, a pill for users, a dashed box for what is elsewhere."""
    right, bottom = x + _WIDTH, y + _HEIGHT
    if place.type == "database":
        side = f"M{x} {y + 4}V{bottom - 4}A{_WIDTH // 2} 4 0 0 0 {right} {bottom - 4}V{y + 4}"
        return (
            f'<path class="shape" d="{side}A{_WIDTH // 2} 4 0 0 0 {x} {y + 4}A{_WIDTH // 2} 4 0 0 0 {right} {y + 4}"/>'
        )
    if place.type == "messaging":
        body = f"M{right - 6} {y}H{x + 6}A6 {_HEIGHT // 2} 0 0 0 {x + 6} {bottom}H{right - 6}"
        lid = f"A6 {_HEIGHT // 2} 0 0 0 {right - 6} {y}A6 {_HEIGHT // 2} 0 0 0 {right - 6} {bottom}"
        return f'<path class="shape" d="{body}{lid}"/>'
    radius = _HEIGHT // 2 if place.type == "user" else 6
    dashes = ' stroke-dasharray="4 3"' if place.type == "external" else ""
    return f'<rect x="{x}" y="{y}" width="{_WIDTH}" height="{_HEIGHT}" rx="{radius}"{dashes}/>'


def _line(edge: Edge, places: dict[Place, tuple[int, int]]) -> str:
    """From the right side of the caller to the left of the callee, over what stands between them where that is more
    than the next column.
    """
    (from_x, from_y), (to_x, to_y) = (places[place] for place in edge.ends)
    start_x, start_y, end_y = from_x + _WIDTH, from_y + _HEIGHT // 2, to_y + _HEIGHT // 2
    bend = _GAP_X // 2 if to_x > from_x else _GAP_X
    rise = 0 if to_x - from_x == _WIDTH + _GAP_X else _RISE
    title = escape(f"{edge.client} → {edge.server}: {edge.calls} calls, {edge.errors} errors")
    waits = edge.connection == "messaging" and edge.gap_ns.p50 is not None
    label_x, label_y = (start_x + to_x) // 2, (start_y + end_y) // 2 - rise * 3 // 4 - 5
    label = (
        f'<text class="type" x="{label_x}" y="{label_y}">waits {shown_duration(edge.gap_ns.p50)}</text>'
        if waits
        else ""
    )
    kind = ' class="bad"' if edge.errors else ""
    curve = f"M{start_x} {start_y}C{start_x + bend} {start_y - rise} {to_x - bend} {end_y - rise} {to_x} {end_y}"
    return f'<path{kind} d="{curve}" marker-end="url(#tip)"><title>{title}</title></path>{label}'
