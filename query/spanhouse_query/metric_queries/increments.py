"""What was added in each window, from points that say it (delta) or that say how much it is by now (cumulative).

A point's increment belongs to the window in which the point lies, whole. It is, as OpenTelemetry's data model has it
(resets and gaps):
- of a delta point, its value;
- of a cumulative one, the difference to the point before, where both count from the same start;
- its whole value where it counts from a start after that (a restart, a gap), where a monotonic value fell, and where no
  point was before it and it began to count while points were looked for;
- none where it begins to count at its own instant (nothing is known of before), or is the first that is known.
So the increments of windows side by side add up to that of all of them, and nothing is extrapolated.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from spanhouse_query.metric_queries.cells import Bools, Cells, Floats, Integers
from spanhouse_query.metric_queries.windows import Windows

Number = TypeVar("Number", np.int64, np.float64)


@dataclass(frozen=True, slots=True)
class Points:
    """Points of series, those of a series together and by time. ts, started: unix milliseconds, 0 for no start.

    row: which series. guard: what never falls, if monotonic, unless counting begins anew. amounts: what is counted.
    """

    row: Integers
    ts: Integers
    started: Integers
    guard: Floats
    amounts: tuple[Floats, ...]

    def once(self) -> Points:
        """One of each series and instant: the last."""
        kept = np.append((self.row[1:] != self.row[:-1]) | (self.ts[1:] != self.ts[:-1]), True)[: len(self.row)]
        return self if kept.all() else self._only(kept)

    def _only(self, kept: Bools) -> Points:
        amounts = tuple(amount[kept] for amount in self.amounts)
        return Points(self.row[kept], self.ts[kept], self.started[kept], self.guard[kept], amounts)


@dataclass(frozen=True, slots=True)
class Increments:
    """Of points. known: which have one. amounts: what those add, without meaning elsewhere."""

    row: Integers
    ts: Integers
    known: Bools
    amounts: tuple[Floats, ...]


def increments(points: Points, cumulative: Bools, *, monotonic: bool, since: int) -> Increments:
    """cumulative: of each row. since: from when on points were looked for, unix milliseconds."""
    points = points.once()
    if not len(points.row):
        return Increments(points.row, points.ts, np.zeros(0, np.bool_), points.amounts)
    continued = _before(points.row, -1) == points.row
    has_start = points.started > 0
    restarted = has_start & (points.started != _before(points.started)) & (points.started >= _before(points.ts))
    if monotonic:
        restarted |= points.guard < _before(points.guard)
    restarted = np.where(continued, restarted, has_start & (points.started >= since))
    delta = ~cumulative[points.row]
    whole = delta | restarted
    known = delta | ((continued | restarted) & ~(has_start & (points.started == points.ts)))
    amounts = tuple(np.where(whole, amount, amount - _before(amount)) for amount in points.amounts)
    return Increments(points.row, points.ts, known, amounts)


def added_up(found: Increments, windows: Windows, group: NDArray[np.int64], groups: int) -> list[Cells]:
    """The amounts by group and window. group: of each row."""
    inside = found.known & (found.ts > windows.start) & (found.ts <= windows.end)
    cell = group[found.row[inside]] * windows.count + (found.ts[inside] - windows.start - 1) // windows.step
    shape = (groups, windows.count)
    size = groups * windows.count
    present = np.bincount(cell, minlength=size).reshape(shape) > 0
    sums = (np.bincount(cell, amount[inside], size).astype(np.float64) for amount in found.amounts)
    return [Cells(total.reshape(shape), present) for total in sums]


def _before(values: NDArray[Number], first: int = 0) -> NDArray[Number]:
    """Of each point the value of the one before, which may be of another series."""
    moved = np.empty_like(values)
    moved[0], moved[1:] = first, values[:-1]
    return moved
