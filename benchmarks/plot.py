"""Small plots as SVG: bars with the spread of rounds, and lines over time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from math import ceil, floor, log10

_WIDTH = 760
_INK, _FAINT = "#24292f", "#d0d7de"
COLORS = ("#0969da", "#bf3989", "#1a7f37", "#9a6700", "#8250df")


@dataclass(frozen=True)
class Bar:
    """One bar. low and high: the spread, drawn as a line. accent: drawn in the second colour."""

    label: str
    value: float
    low: float | None = None
    high: float | None = None
    accent: bool = False


@dataclass(frozen=True)
class Line:
    """One line. points: x and y."""

    label: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Panel:
    """A coordinate system with lines in it. unit: of y."""

    title: str
    lines: Sequence[Line] = field(default_factory=tuple)
    unit: str = ""
    limit: float | None = None


def bars(title: str, rows: Sequence[Bar], unit: str) -> str:
    """Horizontal bars from zero."""
    left, right, height = 270, 90, 26
    most = max((max(row.value, row.high or 0) for row in rows), default=1.0) or 1.0
    scale = (_WIDTH - left - right) / most
    out = [_text(10, 24, f"{title} ({unit})", weight="bold")]
    for number, row in enumerate(rows):
        y = 44 + number * height
        out.append(_text(left - 8, y + 13, row.label, anchor="end"))
        color = COLORS[1] if row.accent else COLORS[0]
        out.append(f'<rect x="{left}" y="{y}" width="{row.value * scale:.1f}" height="17" fill="{color}"/>')
        if row.low is not None and row.high is not None:
            out.append(_stroke([(left + row.low * scale, y + 8.5), (left + row.high * scale, y + 8.5)], _INK, 2))
        out.append(_text(left + max(row.value, row.high or 0) * scale + 6, y + 13, number_text(row.value)))
    return _document(44 + len(rows) * height + 8, out)


def panels(rows: Sequence[Panel], x_unit: str) -> str:
    """Lines over the same x, one coordinate system below the other."""
    height = 170
    out = [part for number, panel in enumerate(rows) for part in _panel(panel, 10 + number * height, x_unit)]
    return _document(20 + len(rows) * height, out)


def _panel(panel: Panel, top: float, x_unit: str) -> list[str]:
    left, width, height = 70, _WIDTH - 90, 110
    points = [point for line in panel.lines for point in line.points] or [(0.0, 0.0)]
    x_most = max(x for x, _ in points) or 1.0
    step = nice_step(max([y for _, y in points] + [panel.limit or 0]) or 1.0)
    y_most = step * ceil(max([y for _, y in points] + [panel.limit or 0]) / step) or step
    base = top + 24 + height

    def place(x: float, y: float) -> tuple[float, float]:
        return left + x / x_most * width, base - y / y_most * height

    out = [_text(10, top + 14, f"{panel.title} ({panel.unit})" if panel.unit else panel.title, weight="bold")]
    for count in range(round(y_most / step) + 1):
        y = place(0, count * step)[1]
        out.append(_stroke([(left, y), (left + width, y)], _FAINT, 1))
        out.append(_text(left - 6, y + 4, number_text(count * step), anchor="end"))
    if panel.limit is not None:
        out.append(_stroke([place(0, panel.limit), place(x_most, panel.limit)], _INK, 1, dashed=True))
    for line, color in zip(panel.lines, COLORS, strict=False):
        out.append(_stroke([place(x, y) for x, y in line.points], color, 1.5))
    out += _legend(panel, top + 14)
    out.append(_text(left, base + 15, "0"))
    out.append(_text(left + width, base + 15, f"{number_text(x_most)} {x_unit}", anchor="end"))
    return out


def _legend(panel: Panel, y: float) -> list[str]:
    if len(panel.lines) < 2:
        return []
    out, x = [], _WIDTH - 20.0
    for line, color in reversed(list(zip(panel.lines, COLORS, strict=False))):
        out.append(_text(x, y, line.label, anchor="end", color=color))
        x -= 8 * len(line.label) + 14
    return out


def nice_step(most: float) -> float:
    """A round distance of which two to five make the whole."""
    unit = float(10 ** floor(log10(most)))
    return next(step * unit for step in (0.2, 0.5, 1.0, 2.0, 5.0) if most / (step * unit) <= 5)


def number_text(value: float) -> str:
    """Three digits that matter, thousands with commas."""
    return f"{value:,.0f}" if value >= 100 or value == round(value) else f"{value:.3g}"


def _text(x: float, y: float, text: str, *, anchor: str = "start", weight: str = "normal", color: str = _INK) -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text {place} font-weight="{weight}" fill="{color}">{escape(text)}</text>'


def _stroke(points: Sequence[tuple[float, float]], color: str, width: float, *, dashed: bool = False) -> str:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dash = ' stroke-dasharray="5 4"' if dashed else ""
    return f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="{width}"{dash}/>'


def _document(height: float, parts: Sequence[str]) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height:.0f}" font-family="sans-serif"'
    background = f'<rect width="{_WIDTH}" height="{height:.0f}" fill="#ffffff"/>'
    return "\n".join([f'{head} font-size="12">', background, *parts, "</svg>", ""])
