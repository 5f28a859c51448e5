"""Quantiles and the like of native histograms, in all cells at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spanhouse_query.series.histogram_cells import Floats, HistogramCells, Integers
from spanhouse_query.series.histogram_sums import bounds


@dataclass(frozen=True, slots=True)
class _Ladder:
    """Buckets that hold something, by cell and upwards. before: what all lower ones of the cell hold."""

    cell: Integers
    lower: Floats
    upper: Floats
    count: Floats
    before: Floats


def quantiles(cells: HistogramCells, wanted: Floats) -> Floats:
    """The quantile of each cell: exponential between the bounds of a bucket, linear in the zero bucket."""
    ladder = _ladder(cells)
    shape = cells.present.shape
    q = np.broadcast_to(wanted, shape).ravel()
    count = cells.count.ravel()
    rank = q * count
    reached = ladder.before + ladder.count >= rank[ladder.cell]
    first = np.full(q.size, ladder.cell.size)
    np.minimum.at(first, ladder.cell[reached], np.flatnonzero(reached))
    last = np.full(q.size, -1)
    np.maximum.at(last, ladder.cell, np.arange(ladder.cell.size))
    place = np.where(first < ladder.cell.size, first, last)
    found = np.full(q.size, np.nan)
    some = np.flatnonzero(place >= 0)
    at = place[some]
    share = np.minimum((rank[some] - ladder.before[at]) / ladder.count[at], 1)
    found[some] = _between(ladder.lower[at], ladder.upper[at], share)
    beyond = (first >= ladder.cell.size) & np.isnan(cells.sum.ravel())
    found = np.where(beyond | (count == 0) | np.isnan(q), np.nan, found)
    found = np.where(q < 0, -np.inf, np.where(q > 1, np.inf, found))
    return found.reshape(shape)


def fractions(cells: HistogramCells, lower: Floats, upper: Floats) -> Floats:
    """The share of observations between two numbers."""
    low, high = np.broadcast_to(lower, cells.present.shape), np.broadcast_to(upper, cells.present.shape)
    ladder = _ladder(cells)
    share = (_below(cells, ladder, high) - _below(cells, ladder, low)) / cells.count
    share = np.where(low >= high, 0.0, share)
    return np.where((cells.count == 0) | np.isnan(low) | np.isnan(high), np.nan, share)


def variances(cells: HistogramCells) -> Floats:
    """Around the mean of each cell, observations taken at the geometric middle of their buckets."""
    ladder = _ladder(cells)
    count, total = cells.count.ravel(), cells.sum.ravel()
    mean = (total / count)[ladder.cell]
    across_zero = (ladder.lower <= 0) & (ladder.upper >= 0)
    middle = np.where(across_zero, 0.0, np.sqrt(np.abs(ladder.lower * ladder.upper)) * np.sign(ladder.upper))
    negative = ladder.upper < 0
    middle = np.where(negative, -np.abs(middle), middle)
    spread = np.bincount(ladder.cell, weights=ladder.count * (middle - mean) ** 2, minlength=count.size)
    return np.asarray((spread / count).reshape(cells.present.shape))


def _ladder(cells: HistogramCells) -> _Ladder:
    steps = cells.present.size
    scale = cells.scale.ravel()
    entries = cells.buckets
    low, high = bounds(entries.index, scale[entries.cell])
    negative = entries.side < 0
    zero = np.flatnonzero(cells.present.ravel() & (cells.zero_count.ravel() != 0))
    edge = cells.zero_threshold.ravel()[zero]
    has = [np.bincount(entries.cell[side], minlength=steps)[zero] > 0 for side in (negative, ~negative)]
    cell = np.concatenate((entries.cell, zero))
    lower = np.concatenate((np.where(negative, -high, low), np.where(has[1] & ~has[0], 0.0, -edge)))
    upper = np.concatenate((np.where(negative, -low, high), np.where(has[0] & ~has[1], 0.0, edge)))
    count = np.concatenate((entries.count, cells.zero_count.ravel()[zero]))
    order = np.lexsort((upper, lower, cell))
    cell, lower, upper, count = cell[order], lower[order], upper[order], count[order]
    running = np.cumsum(count) - count
    starts = np.searchsorted(cell, cell)
    return _Ladder(cell, lower, upper, count, running - running[starts] if cell.size else running)


def _between(lower: Floats, upper: Floats, share: Floats) -> Floats:
    """The number at a share of a bucket."""
    linear = lower + (upper - lower) * share
    across_zero = (lower <= 0) & (upper >= 0)
    small, large = np.log2(np.abs(np.where(across_zero, 1, lower))), np.log2(np.abs(np.where(across_zero, 1, upper)))
    return np.where(across_zero, linear, np.sign(upper) * np.exp2(small + (large - small) * share))


def _below(cells: HistogramCells, ladder: _Ladder, limit: Floats) -> Floats:
    """How many observations of each cell lie below its limit."""
    own = limit.ravel()[ladder.cell]
    across_zero = (ladder.lower <= 0) & (ladder.upper >= 0)
    linear = (own - ladder.lower) / (ladder.upper - ladder.lower)
    small = np.log2(np.abs(np.where(across_zero, 1, ladder.lower)))
    large = np.log2(np.abs(np.where(across_zero, 2, ladder.upper)))
    at = np.log2(np.abs(np.where(own == 0, 1, own)))
    exponential = (at - small) / (large - small)
    share = np.where(across_zero, linear, exponential)
    share = np.where(own <= ladder.lower, 0.0, np.where(own >= ladder.upper, 1.0, share))
    weights = np.where(ladder.count == 0, 0.0, ladder.count * share)
    return np.bincount(ladder.cell, weights=weights, minlength=limit.size).reshape(limit.shape).astype(np.float64)
