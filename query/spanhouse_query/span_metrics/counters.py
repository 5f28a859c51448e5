"""Counts as counters: their growth over windows, exact where these end with minutes, and their samples.

A counter starts with each day (UTC) at 0. It has a sample at the end of each minute in which it grew.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spanhouse_query.series.samples import Samples
from spanhouse_query.series.steps import Steps
from spanhouse_query.span_metrics.reading import Counts
from spanhouse_query.span_metrics.timeline import Timeline

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Bools = NDArray[np.bool_]

LOOKBACK = 300_000
"""How long a series stays after it last grew, at least, milliseconds."""


@dataclass(frozen=True, slots=True)
class Table:
    """Counts laid out. added: (series, cells, columns), what each cell adds. active: where anything happened."""

    timeline: Timeline
    added: Floats
    active: Bools

    @classmethod
    def of(cls, timeline: Timeline, counts: Counts, first: int, last: int, columns: Integers, width: int) -> Table:
        """The series [first, last). columns: of each entry of buckets its column, of `width`; -1 for none."""
        series = last - first
        own = (counts.series >= first) & (counts.series < last)
        place = (counts.series - first) * timeline.cells + counts.cell
        active = np.zeros(series * timeline.cells, np.bool_)
        active[place[own]] = True
        kept = own[counts.entry] & (columns >= 0)
        where = place[counts.entry[kept]] * width + columns[kept]
        added = np.bincount(where, counts.count[kept], series * timeline.cells * width).astype(np.float64)
        shape = (series, timeline.cells)
        return cls(timeline, added.reshape(*shape, width), active.reshape(shape))

    @classmethod
    def of_values(cls, timeline: Timeline, counts: Counts, first: int, last: int) -> Table:
        """The same of the values, in one column."""
        own = (counts.series >= first) & (counts.series < last)
        shape = (last - first, timeline.cells)
        place = (counts.series[own] - first) * timeline.cells + counts.cell[own]
        active = np.zeros(shape, np.bool_)
        active.ravel()[place] = True
        added = np.bincount(place, counts.value[own], active.size).astype(np.float64)
        return cls(timeline, added.reshape(*shape, 1), active)

    def beside(self, other: Table) -> Table:
        """With the columns of another table of the same counts after its own."""
        return Table(self.timeline, np.concatenate([self.added, other.added], axis=2), self.active)

    def upwards(self) -> Table:
        """With columns that count what those before them do, too."""
        return Table(self.timeline, np.cumsum(self.added, axis=2), self.active)

    def growth(self, steps: Steps, window: int) -> Floats:
        """(series, steps, columns): by how much it grew in (t - window, t]."""
        upto = np.concatenate([np.zeros_like(self.added[:, :1]), np.cumsum(self.added, axis=1)], axis=1)
        ends = steps.instants
        return np.maximum(self._at(upto, ends) - self._at(upto, ends - window), 0)

    def present(self, steps: Steps, window: int) -> Bools:
        """(series, steps): whether anything happened in a minute that (t - window, t] touches."""
        instants, ends = self.timeline.instants, steps.instants
        first = np.clip(np.searchsorted(instants, ends - window, "right") - 1, 0, self.timeline.cells)
        after = np.clip(np.searchsorted(instants, ends, "left"), 0, self.timeline.cells)
        upto = np.concatenate([np.zeros_like(self.active[:, :1], np.int64), np.cumsum(self.active, axis=1)], axis=1)
        return np.asarray(upto[:, np.maximum(after, first)] > upto[:, first])

    def cumulative(self) -> Floats:
        """(series, cells, columns): what was counted since the day began, at the end of each cell."""
        upto = np.concatenate([np.zeros_like(self.added[:, :1]), np.cumsum(self.added, axis=1)], axis=1)
        return np.asarray(upto[:, 1:] - upto[:, self.timeline.days])

    def samples(self, values: Floats) -> Samples:
        """Rows of samples. values: (rows, cells), as many rows for each series; they are taken where it is active."""
        each = values.shape[0] // max(self.active.shape[0], 1)
        row, cell = np.nonzero(np.repeat(self.active, each, axis=0))
        days = self.timeline.nodes[self.timeline.days] * 1000
        return Samples(
            values.shape[0],
            row,
            self.timeline.instants[1:][cell],
            values[row, cell],
            started=days[cell].astype(np.int64),
        )

    def _at(self, upto: Floats, instants: Integers) -> Floats:
        """The counter at some instants; within a cell it grows evenly."""
        nodes = self.timeline.instants
        cell = np.clip(np.searchsorted(nodes, instants, "right") - 1, 0, self.timeline.cells - 1)
        share = np.clip((instants - nodes[cell]) / (nodes[cell + 1] - nodes[cell]), 0, 1)
        if not (share % 1).any():
            return upto[:, cell + share.astype(np.int64)]
        return np.asarray(upto[:, cell] + share[np.newaxis, :, np.newaxis] * self.added[:, cell])
