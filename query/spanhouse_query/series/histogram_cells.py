"""Native (exponential) histograms by series and step, as columns: all of them are worked on at once.

Bucket `index` of a side holds the magnitudes in (base^index, base^(index + 1)] with base = 2^(2^-scale), as in
OpenTelemetry's data model.
"""

from __future__ import annotations

from collections.abc import Sequence
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

    @classmethod
    def empty(cls, shape: tuple[int, int]) -> HistogramCells:
        """No histogram anywhere."""
        nothing, none = np.zeros(shape), np.empty(0, np.int64)
        scale = np.zeros(shape, np.int64)
        buckets = Buckets(none, none, none, np.empty(0))
        return cls(np.zeros(shape, np.bool_), nothing, nothing, nothing, nothing, scale, buckets)

    @classmethod
    def concatenated(cls, parts: Sequence[HistogramCells]) -> HistogramCells:
        """The rows of all of them, at least one."""
        sizes = np.cumsum([0, *(part.present.size for part in parts)])
        buckets = [part.buckets for part in parts]
        return cls(
            present=np.concatenate([part.present for part in parts]),
            count=np.concatenate([part.count for part in parts]),
            sum=np.concatenate([part.sum for part in parts]),
            zero_count=np.concatenate([part.zero_count for part in parts]),
            zero_threshold=np.concatenate([part.zero_threshold for part in parts]),
            scale=np.concatenate([part.scale for part in parts]),
            buckets=Buckets(
                np.concatenate([each.cell + before for each, before in zip(buckets, sizes[:-1], strict=True)]),
                np.concatenate([each.side for each in buckets]),
                np.concatenate([each.index for each in buckets]),
                np.concatenate([each.count for each in buckets]),
            ),
        )

    def repeated(self, steps: int) -> HistogramCells:
        """The only step as each of many."""
        old = self.buckets
        cell = (old.cell[:, np.newaxis] * steps + np.arange(steps)).ravel()
        buckets = Buckets(cell, np.repeat(old.side, steps), np.repeat(old.index, steps), np.repeat(old.count, steps))
        return HistogramCells(
            present=np.repeat(self.present, steps, axis=1),
            count=np.repeat(self.count, steps, axis=1),
            sum=np.repeat(self.sum, steps, axis=1),
            zero_count=np.repeat(self.zero_count, steps, axis=1),
            zero_threshold=np.repeat(self.zero_threshold, steps, axis=1),
            scale=np.repeat(self.scale, steps, axis=1),
            buckets=buckets,
        )

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
