"""What was observed in each window, by group: the increments of histograms.

A row is of a point that adds or of one to be taken away (contributions.py), so that rows of the same buckets can be
added up before anything is merged.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from anyio import to_thread

from spanhouse_query.metric_queries import explicit_histogram, exponential_histogram
from spanhouse_query.metric_queries.chosen import ChosenMetric
from spanhouse_query.metric_queries.contributions import IN_ORDER, contributions_sql, window_parameters
from spanhouse_query.metric_queries.distribution import Bucket, Distribution
from spanhouse_query.metric_queries.explicit_histogram import BoundedCounts
from spanhouse_query.metric_queries.exponential_histogram import ExponentialCounts
from spanhouse_query.metric_queries.members import Members
from spanhouse_query.metric_queries.windows import Windows
from spanhouse_query.reader import Reader

ByWindow: TypeAlias = Mapping[int, Distribution]

_CHUNK_POINTS = 1_000_000

_IN_ORDER = (
    "length(counts) = length(bounds) + 1 AND arraySort(bounds) = bounds AND NOT arrayExists(x -> isNaN(x), bounds)"
)
"""Points whose buckets are none count as one bucket without bounds."""

_EXPLICIT_POINT = (
    "(toUnixTimestamp64Milli(ts), toUnixTimestamp64Milli(started), toFloat64(count), min, max,"
    f" if({_IN_ORDER}, bounds, []), if({_IN_ORDER}, counts, [count])::Array(Int64))"
)
_EXPLICIT_TYPE = "Tuple(Int64, Int64, Float64, Nullable(Float64), Nullable(Float64), Array(Float64), Array(Int64))"
_EXPONENTIAL_POINT = (
    "(toUnixTimestamp64Milli(ts), toUnixTimestamp64Milli(started), toFloat64(count), min, max,"
    " scale, zero_threshold, zero_count::Int64,"
    " (positive_offset, positive_counts::Array(Int64)), (negative_offset, negative_counts::Array(Int64)))"
)
_EXPONENTIAL_TYPE = (
    "Tuple(Int64, Int64, Float64, Nullable(Float64), Nullable(Float64), Int32, Float64, Int64,"
    " Tuple(Int32, Array(Int64)), Tuple(Int32, Array(Int64)))"
)
_BOUNDED_BY = """min(c.smallest) AS smallest, max(c.largest) AS largest,
        countIf(NOT is_empty AND c.smallest IS NULL) AS without_smallest,
        countIf(NOT is_empty AND c.largest IS NULL) AS without_largest"""


def explicit_sql() -> str:
    """One row a group: its number and its windows as (number, bounds, counts, what is known of the extremes)."""
    contributions = contributions_sql("metric_histograms", _EXPLICIT_POINT, _EXPLICIT_TYPE)
    return f"""
SELECT grp,
    groupArray((number, bounds, total, smallest, largest, without_smallest, without_largest)) AS parts
FROM
(
    SELECT
        grp, number, point.6 AS bounds, sumForEach(arrayMap(x -> x * weight, point.7)) AS total,
        {_BOUNDED_BY}
    FROM ({contributions}) AS c
    GROUP BY grp, number, bounds
)
GROUP BY grp
SETTINGS {IN_ORDER}
"""


def exponential_sql() -> str:
    """The same, with (number, scale, threshold, zero count, positive and negative buckets, extremes)."""
    contributions = contributions_sql("metric_exponential_histograms", _EXPONENTIAL_POINT, _EXPONENTIAL_TYPE)
    side = "sumMap(arrayMap(i -> point.{n}.1 + i, range(length(point.{n}.2))), arrayMap(x -> x * weight, point.{n}.2))"
    return f"""
SELECT grp,
    groupArray((number, scale, threshold, zero, positive, negative,
        smallest, largest, without_smallest, without_largest)) AS parts
FROM
(
    SELECT
        grp, number, point.6 AS scale, point.7 AS threshold, sum(point.8 * weight) AS zero,
        {side.format(n=9)} AS positive, {side.format(n=10)} AS negative,
        {_BOUNDED_BY}
    FROM ({contributions}) AS c
    GROUP BY grp, number, scale, threshold
)
GROUP BY grp
SETTINGS {IN_ORDER}
"""


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of histogram. merge: from the parts of a window to its buckets."""

    sql: Callable[[], str]
    merge: Callable[[Iterable[Any]], list[Bucket]]
    geometric: bool = False


def _merged_explicit(parts: Iterable[Any]) -> list[Bucket]:
    return explicit_histogram.add_up(BoundedCounts(bounds, counts) for bounds, counts, *_ in parts)


def _merged_exponential(parts: Iterable[Any]) -> list[Bucket]:
    return exponential_histogram.add_up(
        ExponentialCounts(scale, threshold, zero, _side(positive), _side(negative))
        for scale, threshold, zero, positive, negative, *_ in parts
    )


def _side(buckets: Any) -> dict[int, int]:
    indexes, counts = buckets
    return dict(zip(indexes, counts, strict=True))


KINDS = {
    "histogram": _Kind(explicit_sql, _merged_explicit),
    "exponential_histogram": _Kind(exponential_sql, _merged_exponential, geometric=True),
}


async def read_distributions(
    reader: Reader, metric: ChosenMetric, members: Members, windows: Windows, *, lookback: int
) -> list[ByWindow]:
    """By group, what was observed in each window where anything was.

    lookback: how far before the windows the point before may be, milliseconds.
    """
    kind = KINDS[metric.type]
    parts: list[dict[int, list[tuple[Any, ...]]]] = [defaultdict(list) for _ in members.groups]
    for chunk in members.chunks(windows, _CHUNK_POINTS):
        rows = await reader.rows(
            kind.sql(),
            window_parameters(windows, lookback),
            metric=metric.name,
            ids=list(chunk.ids),
            groups=chunk.group.tolist(),
            cumulative=chunk.cumulative.astype(int).tolist(),
        )
        for row in rows:
            for number, *part in row["parts"]:
                parts[row["grp"]][number].append(tuple(part))
    return await to_thread.run_sync(lambda: [_merged(kind, by_window) for by_window in parts])


def _merged(kind: _Kind, parts: Mapping[int, list[tuple[Any, ...]]]) -> ByWindow:
    found = {number: _distribution(kind, group) for number, group in parts.items()}
    return {number: one for number, one in found.items() if one.buckets}


def _distribution(kind: _Kind, parts: list[tuple[Any, ...]]) -> Distribution:
    smallest = [part[-4] for part in parts if part[-4] is not None]
    largest = [part[-3] for part in parts if part[-3] is not None]
    return Distribution(
        kind.merge(parts),
        smallest=min(smallest) if smallest and not any(part[-2] for part in parts) else None,
        largest=max(largest) if largest and not any(part[-1] for part in parts) else None,
        geometric=kind.geometric,
    )
