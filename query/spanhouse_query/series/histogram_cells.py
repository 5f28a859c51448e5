"""Native (exponential) histograms by series and step, as columns: all of them are worked on at once.

Bucket `index` of a side holds the magnitudes in (base^index, base^(index + 1)] with base = 2^(2^-scale), as in
OpenTelemetry's data model.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Buckets:
    """Counts of buckets, an entry each in no order. cell: row * steps + step. side: 1 or -1, the sign of the values."""

    cell: Integers
    side: Integers
    index: Integers
    count: Floats

    def only(self, kept: Bools) -> Buckets:
        """Only these entries."""
        return Buckets(self.cell[kept], self.side[kept], self.index[kept], self.count[kept])


@dataclass(frozen=True, slots=True)
class HistogramCells:
    """A histogram in each cell that is `present`; what the arrays (series, steps) hold elsewhere has no meaning."""

    present: Bools
    count: Floats
    sum: Floats
    zero_count: Floats
    zero_threshold: Floats
    scale: Integers
    buckets: Buckets

    def where(self, kept: Bools) -> HistogramCells:
        """Only these cells."""
        present = self.present & kept
        return replace(self, present=present, buckets=self.buckets.only(present.ravel()[self.buckets.cell]))

    def take(self, rows: NDArray[np.intp]) -> HistogramCells:
        """Only these rows, in this order, each at most once."""
        steps = self.present.shape[1]
        place = np.full(self.present.shape[0], -1, np.int64)
        place[rows] = np.arange(len(rows))
        row, step = np.divmod(self.buckets.cell, max(steps, 1))
        moved = replace(self.buckets, cell=place[row] * steps + step).only(place[row] >= 0)
        return HistogramCells(
            present=self.present[rows],
            count=self.count[rows],
            sum=self.sum[rows],
            zero_count=self.zero_count[rows],
            zero_threshold=self.zero_threshold[rows],
            scale=self.scale[rows],
            buckets=moved,
        )
