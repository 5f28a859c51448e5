"""Samples that are numbers: points of gauges and sums, sums and counts of the rest, buckets and quantiles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spanhouse_query.reader import Reader
from spanhouse_query.series.labels import Labels
from spanhouse_query.series.limits import Budget
from spanhouse_query.series.samples import STALE, Samples
from spanhouse_query.series.selector import Matcher
from spanhouse_query.series.source import Part, Series
from spanhouse_query.series.stored.fetching import (
    COUNT,
    SERIES,
    STARTED,
    SUM,
    TS,
    VALUE,
    Column,
    RowsOfSeries,
    Stretch,
    columns,
)
from spanhouse_query.series.stored.matching import matching

_PLAIN = {"value": VALUE, "sum": SUM, "count": COUNT}


@dataclass(frozen=True, slots=True)
class _Split:
    """A part of which a stored point has many. label: what tells them apart, of which `key` is the number."""

    label: str
    joined: str
    key: Column
    value: Column


_SPLIT = {
    "bucket": _Split(
        "le",
        "ARRAY JOIN arrayPushBack(if(empty(counts), [], bounds), inf) AS bound,"
        " if(empty(counts), [count], arrayCumSum(counts)) AS bucket_count",
        Column("key", "bound", "<f8"),
        Column("value", "bucket_count::Float64", "<f8"),
    ),
    "quantile": _Split(
        "quantile",
        "ARRAY JOIN quantiles AS q",
        Column("key", "q.quantile", "<f8"),
        Column("value", "q.value", "<f8"),
    ),
}


@dataclass(frozen=True, slots=True)
class Labelled:
    """Samples with the labels of each row."""

    labels: Sequence[Labels]
    samples: Samples


async def numbers(
    reader: Reader,
    stretch: Stretch,
    series: Sequence[Series],
    late: Sequence[Matcher],
    budget: Budget,
    *,
    started: bool,
) -> Labelled:
    """The samples of series that are all the same part. started: whether to read when counters started."""
    part = series[0].part
    wanted = [SERIES, TS, *([STARTED] if started else [])]
    if part in _SPLIT:
        return await _split(reader, stretch, series, late, budget, wanted)
    where = "(sum IS NOT NULL OR bitTest(flags, 0))" if _PLAIN[part] is SUM and stretch.table in _NULLABLE else ""
    rows = await columns(reader, stretch, [*wanted, _PLAIN[part]], budget, where=where)
    row = RowsOfSeries([one.ids for one in series])(rows["series"])
    return Labelled([one.labels for one in series], _samples(len(series), row, rows))


_NULLABLE = ("metric_histograms", "metric_exponential_histograms")


async def _split(
    reader: Reader,
    stretch: Stretch,
    series: Sequence[Series],
    late: Sequence[Matcher],
    budget: Budget,
    wanted: Sequence[Column],
) -> Labelled:
    """A row for each series and key, and in each row of a series the markers that it ended."""
    split = _SPLIT[series[0].part]
    rows = await columns(
        reader,
        stretch,
        [*wanted, split.key, split.value],
        budget,
        joined=split.joined,
        where="NOT bitTest(flags, 0)",
    )
    ended = await columns(reader, stretch, wanted, budget, where="bitTest(flags, 0)")
    row_of = RowsOfSeries([one.ids for one in series])
    keys, key = np.unique(rows["key"], return_inverse=True)
    names = [number_label(value) for value in keys.tolist()]
    matchers = [matcher for matcher in late if matcher.name == split.label]
    kept = await matching(reader, names, matchers)
    chosen = np.array([name in kept for name in names], np.bool_)[key]
    pair = row_of(rows["series"]) * max(len(names), 1) + key
    pairs, row = np.unique(pair[chosen], return_inverse=True)
    of_series, of_key = np.divmod(pairs, max(len(names), 1))
    labels = [
        {**series[one].labels, split.label: names[which]}
        for one, which in zip(of_series.tolist(), of_key.tolist(), strict=True)
    ]
    found = rows[chosen]
    return Labelled(labels, _with_markers(len(labels), row, found, row_of(ended["series"]), ended, of_series))


def _with_markers(
    rows: int,
    row: NDArray[np.int64],
    found: NDArray[np.void],
    ended_series: NDArray[np.int64],
    ended: NDArray[np.void],
    of_series: NDArray[np.int64],
) -> Samples:
    """Samples of the rows and, at each instant at which a series ended, a marker in each of its rows."""
    low, high = np.searchsorted(of_series, ended_series), np.searchsorted(of_series, ended_series, side="right")
    sizes = high - low
    which = np.repeat(np.arange(ended.size), sizes)
    marked = np.arange(which.size) - np.repeat(np.cumsum(sizes) - sizes - low, sizes)
    markers = np.full(which.size, STALE, np.int64).view(np.float64)
    started = None
    if "started" in (found.dtype.names or ()):
        started = np.concatenate((found["started"], ended["started"][which]))
    return Samples.ordered(
        rows,
        np.concatenate((row, marked)),
        np.concatenate((found["ts"], ended["ts"][which])),
        np.concatenate((found["value"], markers)),
        started,
    )


def _samples(rows: int, row: NDArray[np.int64], found: NDArray[np.void]) -> Samples:
    started = np.ascontiguousarray(found["started"]) if "started" in (found.dtype.names or ()) else None
    return Samples.ordered(rows, row, np.ascontiguousarray(found["ts"]), np.ascontiguousarray(found["value"]), started)


def number_label(value: float) -> str:
    """A bound or a quantile as a label, as Prometheus' receiver writes it: 0.005, 5, +Inf."""
    if np.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return np.format_float_positional(value, trim="-")


def is_number(part: Part) -> bool:
    """Whether the samples of a part are numbers that are stored."""
    return part in _PLAIN or part in _SPLIT
