"""Samples that are native histograms: points of exponential histograms."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from spanhouse_query.reader import Reader
from spanhouse_query.series.histogram_sums import Histograms
from spanhouse_query.series.limits import Budget
from spanhouse_query.series.native_functions import NativeSamples
from spanhouse_query.series.samples import Samples
from spanhouse_query.series.source import Series
from spanhouse_query.series.stored.fetching import COUNT, SERIES, STARTED, TS, Column, RowsOfSeries, Stretch, columns

_POINTS = (
    SERIES,
    TS,
    STARTED,
    COUNT,
    Column("sum", "coalesce(sum, nan)", "<f8"),
    Column("zero_count", "zero_count::Float64", "<f8"),
    Column("zero_threshold", "zero_threshold", "<f8"),
    Column("scale", "scale", "<i4"),
)
_BUCKETS = (
    SERIES,
    TS,
    Column("side", "bucket.1::Int8", "<i1"),
    Column("index", "bucket.2::Int64", "<i8"),
    Column("count", "bucket.3::Float64", "<f8"),
)
_ENTRIES = """ARRAY JOIN arrayFilter(b -> b.3 > 0, arrayConcat(
    arrayMap((c, i) -> (1::Int8, positive_offset + i - 1, c), positive_counts, arrayEnumerate(positive_counts)),
    arrayMap((c, i) -> (-1::Int8, negative_offset + i - 1, c), negative_counts, arrayEnumerate(negative_counts))
)) AS bucket"""


async def natives(reader: Reader, stretch: Stretch, series: Sequence[Series], budget: Budget) -> NativeSamples:
    """The histograms of series, a row each."""
    points = await columns(reader, stretch, _POINTS, budget)
    entries = await columns(reader, stretch, _BUCKETS, budget, joined=_ENTRIES)
    row_of = RowsOfSeries([one.ids for one in series])
    rows, entry_rows = row_of(points["series"]), row_of(entries["series"])
    order = _order(rows, points)
    rows, points = rows[order], points[order]
    samples = Samples(
        len(series),
        rows,
        np.ascontiguousarray(points["ts"]),
        np.ascontiguousarray(points["value"]),
        np.ascontiguousarray(points["started"]),
    )
    point = _point_of(rows, points, entry_rows, entries)
    by_point = np.argsort(point, kind="stable")
    sizes = np.bincount(point, minlength=points.size)
    return NativeSamples(
        samples,
        Histograms(
            count=np.where(samples.stale, 0.0, samples.values),
            sum=np.ascontiguousarray(points["sum"]),
            zero_count=np.ascontiguousarray(points["zero_count"]),
            zero_threshold=np.ascontiguousarray(points["zero_threshold"]),
            scale=points["scale"].astype(np.int64),
            first=np.concatenate(([0], np.cumsum(sizes))),
            side=entries["side"].astype(np.int64)[by_point],
            index=np.ascontiguousarray(entries["index"])[by_point],
            bucket=np.ascontiguousarray(entries["count"])[by_point],
        ),
    )


def _order(rows: NDArray[np.int64], points: NDArray[np.void]) -> NDArray[np.intp]:
    """By row and instant, one of each."""
    order = np.lexsort((points["ts"], rows))
    if not order.size:
        return order
    row, ts = rows[order], points["ts"][order]
    kept: NDArray[np.intp] = order[np.append((np.diff(row) != 0) | (np.diff(ts) != 0), True)]
    return kept


def _point_of(
    rows: NDArray[np.int64], points: NDArray[np.void], entry_rows: NDArray[np.int64], entries: NDArray[np.void]
) -> NDArray[np.int64]:
    """The point of each bucket: both have a row and an instant."""
    if not points.size:
        return np.empty(0, np.int64)
    first = points["ts"].min()
    span = int(points["ts"].max() - first) + 1
    keys = rows * span + (points["ts"] - first)
    return np.asarray(np.searchsorted(keys, entry_rows * span + (entries["ts"] - first)), dtype=np.int64)
