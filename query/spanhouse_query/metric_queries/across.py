"""From a number a series to a number a group."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from spanhouse_query.metric_queries.cells import Cells, Floats, Integers

_REDUCTIONS: Mapping[str, tuple[Callable[..., object], float]] = {
    "sum": (np.add.at, 0.0),
    "avg": (np.add.at, 0.0),
    "min": (np.minimum.at, np.inf),
    "max": (np.maximum.at, -np.inf),
}


def across_series(cells: Cells, group: Integers, groups: int, aggregation: str | float) -> Cells:
    """group: of each row, from 0. aggregation: sum, avg, min, max, count (of series), or a quantile from 0 to 1.

    Percentiles are type 7 of Hyndman and Fan, as everywhere. Where one of the values is NaN the result is NaN.
    """
    counts = np.zeros((groups, cells.values.shape[1]))
    np.add.at(counts, group, cells.present.astype(np.float64))
    if aggregation == "count":
        return Cells(counts, counts > 0)
    if isinstance(aggregation, float):
        return _percentiles(cells, group, counts, aggregation)
    reduce_into, neutral = _REDUCTIONS[aggregation]
    values = np.full(counts.shape, neutral)
    reduce_into(values, group, np.where(cells.present, cells.values, neutral))
    if aggregation == "avg":
        np.divide(values, counts, out=values, where=counts > 0)
    return Cells(values, counts > 0)


def newest(cells: Cells, instants: Cells, group: Integers, groups: int) -> Cells:
    """Of each group the value with the latest of the `instants`, which go with the cells."""
    found = Cells.nothing(groups, cells.values.shape[1])
    at = np.full(found.values.shape, -np.inf)
    for row, into in enumerate(group):
        later = cells.present[row] & (instants.values[row] > at[into])
        at[into] = np.where(later, instants.values[row], at[into])
        found.values[into] = np.where(later, cells.values[row], found.values[into])
        found.present[into] |= later
    return found


def _percentiles(cells: Cells, group: Integers, counts: Floats, quantile: float) -> Cells:
    values = np.zeros(counts.shape)
    for one in range(len(counts)):
        values[one] = _percentile(cells.take(np.flatnonzero(group == one)), counts[one], quantile)
    return Cells(values, counts > 0)


def _percentile(cells: Cells, counts: Floats, quantile: float) -> Floats:
    """Of each column; absent values are sorted behind all others."""
    not_a_number = np.any(cells.present & np.isnan(cells.values), axis=0)
    ordered = np.sort(
        np.where(cells.present, np.nan_to_num(cells.values, nan=0.0, posinf=np.inf, neginf=-np.inf), np.inf), axis=0
    )
    rank = np.maximum(counts - 1, 0) * quantile
    low, high = np.floor(rank).astype(np.int64), np.ceil(rank).astype(np.int64)
    columns = np.arange(len(counts))
    below, above = ordered[low, columns], ordered[high, columns]
    between = np.where(below == above, below, below + (above - below) * (rank - low))
    return np.where(not_a_number, np.nan, between)
