"""Weighted sums of native histograms: what all arithmetic on them comes down to.

Buckets of different scales are merged by downscaling to the coarsest, as OpenTelemetry's data model and Prometheus do
it: at a scale that is lower by d, bucket i becomes i >> d. Zero buckets are widened to the widest, and to the end of a
bucket that this cuts through.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from spanhouse_query.series.histogram_cells import Bools, Buckets, Floats, HistogramCells, Integers


@dataclass(frozen=True, slots=True)
class Histograms:
    """Histograms by number. first: of each its first entry in `side`, `index` and `bucket`; one more for their end."""

    count: Floats
    sum: Floats
    zero_count: Floats
    zero_threshold: Floats
    scale: Integers
    first: Integers
    side: Integers
    index: Integers
    bucket: Floats

    @classmethod
    def of_cells(cls, cells: HistogramCells) -> Histograms:
        """All cells, by row and step; those that hold nothing are empty."""
        order = np.argsort(cells.buckets.cell, kind="stable")
        sizes = np.bincount(cells.buckets.cell, minlength=cells.present.size)
        return cls(
            count=cells.count.ravel(),
            sum=cells.sum.ravel(),
            zero_count=cells.zero_count.ravel(),
            zero_threshold=cells.zero_threshold.ravel(),
            scale=cells.scale.ravel(),
            first=np.concatenate(([0], np.cumsum(sizes))),
            side=cells.buckets.side[order],
            index=cells.buckets.index[order],
            bucket=cells.buckets.count[order],
        )

    def take(self, kept: Integers) -> Histograms:
        """Only these, in this order."""
        sizes = np.diff(self.first)[kept]
        place = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes - self.first[kept], sizes)
        return Histograms(
            count=self.count[kept],
            sum=self.sum[kept],
            zero_count=self.zero_count[kept],
            zero_threshold=self.zero_threshold[kept],
            scale=self.scale[kept],
            first=np.concatenate(([0], np.cumsum(sizes))),
            side=self.side[place],
            index=self.index[place],
            bucket=self.bucket[place],
        )


@dataclass(frozen=True, slots=True)
class Terms:
    """What is added up: histogram `one[i]` times `weight[i]` into the cell `cell[i]`."""

    cell: Integers
    one: Integers
    weight: Floats

    @classmethod
    def joined(cls, terms: Sequence[Terms]) -> Terms:
        """All of them."""
        return cls(
            np.concatenate([each.cell for each in terms]),
            np.concatenate([each.one for each in terms]),
            np.concatenate([each.weight for each in terms]),
        )


def summed(histograms: Histograms, terms: Terms, present: Bools) -> HistogramCells:
    """The sums in the shape of `present`, which says where there is one."""
    shape, cells = present.shape, present.size
    scale = np.full(cells, np.iinfo(np.int64).max)
    np.minimum.at(scale, terms.cell, histograms.scale[terms.one])
    threshold = np.zeros(cells)
    np.maximum.at(threshold, terms.cell, histograms.zero_threshold[terms.one])

    def total(values: Floats) -> Floats:
        found = np.bincount(terms.cell, weights=values[terms.one] * terms.weight, minlength=cells)
        return found.astype(np.float64)

    buckets, zero_count, threshold = _reconciled(
        _merged(_entries(histograms, terms, scale)), scale, total(histograms.zero_count), threshold
    )
    return HistogramCells(
        present=present,
        count=total(histograms.count).reshape(shape),
        sum=total(histograms.sum).reshape(shape),
        zero_count=zero_count.reshape(shape),
        zero_threshold=threshold.reshape(shape),
        scale=scale.reshape(shape),
        buckets=buckets.only(present.ravel()[buckets.cell] & (buckets.count != 0)),
    )


def scaled(cells: HistogramCells, factor: Floats) -> HistogramCells:
    """Each histogram times the factor of its cell."""
    buckets = cells.buckets
    return HistogramCells(
        present=cells.present,
        count=cells.count * factor,
        sum=cells.sum * factor,
        zero_count=cells.zero_count * factor,
        zero_threshold=cells.zero_threshold,
        scale=cells.scale,
        buckets=Buckets(buckets.cell, buckets.side, buckets.index, buckets.count * factor.ravel()[buckets.cell]),
    )


def bounds(index: Integers, scale: Integers) -> tuple[Floats, Floats]:
    """The magnitudes between which buckets lie: the lower one not included."""
    width = np.exp2(-scale.astype(np.float64))
    with np.errstate(over="ignore"):
        return np.exp2(index * width), np.exp2((index + 1) * width)


def _entries(histograms: Histograms, terms: Terms, scale: Integers) -> Buckets:
    """Entries of all terms at the scale of their cells."""
    sizes = histograms.first[terms.one + 1] - histograms.first[terms.one]
    term = np.repeat(np.arange(terms.one.size), sizes)
    place = np.arange(term.size) - np.repeat(np.cumsum(sizes) - sizes - histograms.first[terms.one], sizes)
    cell, one = terms.cell[term], terms.one[term]
    index = histograms.index[place] >> np.minimum(histograms.scale[one] - scale[cell], 63)
    return Buckets(cell, histograms.side[place], index, histograms.bucket[place] * terms.weight[term])


def _merged(buckets: Buckets) -> Buckets:
    """One entry for each bucket of a cell, by cell, side and index."""
    if not buckets.cell.size:
        return buckets
    order = np.lexsort((buckets.index, buckets.side, buckets.cell))
    cell, side, index = buckets.cell[order], buckets.side[order], buckets.index[order]
    anew = np.append(True, (np.diff(cell) != 0) | (np.diff(side) != 0) | (np.diff(index) != 0))
    places = np.flatnonzero(anew)
    return Buckets(cell[places], side[places], index[places], np.add.reduceat(buckets.count[order], places))


def _reconciled(
    buckets: Buckets, scale: Integers, zero_count: Floats, threshold: Floats
) -> tuple[Buckets, Floats, Floats]:
    """Buckets, zero counts and thresholds once what lies within a zero bucket is counted there."""
    lower, upper = bounds(buckets.index, scale[buckets.cell])
    within = (lower < threshold[buckets.cell]) & (buckets.count != 0)
    if not within.any():
        return buckets, zero_count, threshold
    threshold = threshold.copy()
    np.maximum.at(threshold, buckets.cell[within], upper[within])
    moved = np.bincount(buckets.cell[within], weights=buckets.count[within], minlength=zero_count.size)
    return buckets.only(~within), zero_count + moved, threshold
