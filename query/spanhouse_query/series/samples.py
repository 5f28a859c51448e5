"""Samples of many series, end to end, and the stretch of them that each step looks at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spanhouse_query.series.steps import Steps

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Bools = NDArray[np.bool_]

STALE = 0x7FF0000000000002
"""The bits of the NaN that says that a series ended: Prometheus' own."""


@dataclass(frozen=True, slots=True)
class Samples:
    """Rows of samples by time, of which no two of a row have the same instant.

    row: of each sample, ascending. ts: unix milliseconds. started: since when a sample counts, 0 where that is unknown.
    rows: how many rows, some of which may be empty.
    """

    rows: int
    row: Integers
    ts: Integers
    values: Floats
    started: Integers | None = None

    @classmethod
    def ordered(
        cls, rows: int, row: Integers, ts: Integers, values: Floats, started: Integers | None = None
    ) -> Samples:
        """Samples in whatever order, the later of two of the same instant."""
        span = np.diff(row) * (1 << 50) + np.diff(ts)
        if span.size and not (span > 0).all():
            order = np.lexsort((ts, row))
            kept = np.append((np.diff(row[order]) != 0) | (np.diff(ts[order]) != 0), True)
            order = order[kept]
            row, ts, values = row[order], ts[order], values[order]
            started = None if started is None else started[order]
        return cls(rows, row, ts, values, started)

    @property
    def stale(self) -> Bools:
        """Where a sample says that its series ended."""
        return np.asarray(self.values.view(np.int64) == STALE)

    def only(self, kept: Bools) -> Samples:
        """Only these samples."""
        if kept.all():
            return self
        started = None if self.started is None else self.started[kept]
        return Samples(self.rows, self.row[kept], self.ts[kept], self.values[kept], started)

    @property
    def continued(self) -> Bools:
        """Whether a sample has one before it in its row."""
        return np.concatenate(([False], self.row[1:] == self.row[:-1])) if self.row.size else np.empty(0, np.bool_)


@dataclass(frozen=True, slots=True)
class Windows:
    """For each row and step the samples [low, high), all of one row: those in (t - window, t]. Lengths in ms."""

    steps: Steps
    window: int
    low: Integers
    high: Integers

    @classmethod
    def over(cls, samples: Samples, steps: Steps, window: int) -> Windows:
        """The windows of the samples."""
        low = _seen_before(samples, steps, window)
        return cls(steps, window, low, _seen_before(samples, steps, 0))

    @property
    def lengths(self) -> Integers:
        """How many samples."""
        return self.high - self.low

    @property
    def filled(self) -> Bools:
        """Where there is a sample."""
        return np.asarray(self.high > self.low)

    @property
    def ends(self) -> Integers:
        """The last instant of each window, as a row."""
        return self.steps.instants[np.newaxis, :]

    def part(self, first: int, last: int) -> Windows:
        """The rows [first, last)."""
        return Windows(self.steps, self.window, self.low[first:last], self.high[first:last])


def _seen_before(samples: Samples, steps: Steps, later: int) -> Integers:
    """(rows, steps): how many of all samples are of earlier rows, or of this row and not after t - later."""
    columns = steps.count + 1
    first = -((steps.start - later - samples.ts) // steps.step)
    place = samples.row * columns + np.clip(first, 0, steps.count)
    seen = np.cumsum(np.bincount(place, minlength=samples.rows * columns)).reshape(samples.rows, columns)
    return np.ascontiguousarray(seen[:, :-1])
