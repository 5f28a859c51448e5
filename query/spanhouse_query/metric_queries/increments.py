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

import numpy as np
from numpy.typing import NDArray

from spanhouse_query.metric_queries.cells import Bools, Cells, Floats, Integers
from spanhouse_query.metric_queries.windows import Windows


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
    """row, ts: of the points that have one. amounts: what each adds."""

    row: Integers
    ts: Integers
    amounts: tuple[Floats, ...]


def increments(points: Points, cumulative: Bools, *, monotonic: bool, since: int) -> Increments:
    """cumulative: of each row. since: from when on points were looked for, unix milliseconds."""
    points = points.once()
    before = _before(points.row)
    continued = before >= 0
    earlier_ts, earlier_start = points.ts[before], points.started[before]
    restarted = (points.started > 0) & (points.started != earlier_start) & (points.started >= earlier_ts)
    if monotonic:
        restarted |= points.guard < points.guard[before]
    restarted = np.where(continued, restarted, (points.started > 0) & (points.started >= since))
    delta = ~cumulative[points.row]
    begins_now = (points.started > 0) & (points.started == points.ts)
    known = delta | ((continued | restarted) & ~begins_now)
    whole = delta | restarted
    added = tuple(np.where(whole, amount, amount - amount[before])[known] for amount in points.amounts)
    return Increments(points.row[known], points.ts[known], added)


def added_up(found: Increments, windows: Windows, group: NDArray[np.int64], groups: int) -> list[Cells]:
    """The amounts by group and window. group: of each row."""
    inside = (found.ts > windows.start) & (found.ts <= windows.end)
    cell = group[found.row[inside]] * windows.count + (found.ts[inside] - windows.start - 1) // windows.step
    size = groups * windows.count
    shape = (groups, windows.count)
    present = np.bincount(cell, minlength=size).reshape(shape) > 0
    sums = (np.bincount(cell, amount[inside], size).astype(np.float64) for amount in found.amounts)
    return [Cells(total.reshape(shape), present) for total in sums]


def _before(row: Integers) -> Integers:
    """Which point is before each in its row, -1 for none."""
    places = np.arange(-1, len(row) - 1)
    return np.where(np.append(True, row[1:] != row[:-1])[: len(row)], -1, places)
