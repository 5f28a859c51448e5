"""Functions that the engine computes itself, so that steps leave it and not samples (docs/adr/0016).

Its timeSeries…ToGrid functions have Prometheus 3's windows, extrapolation and resets, but do not know when counters
started, and lose track of growth at infinities: series with either are left to be computed here. They take markers that
a series ended for numbers, so that only `instant`, which picks a sample, may be given them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spanhouse_query.reader import Reader
from spanhouse_query.series.matrix import Matrix
from spanhouse_query.series.range_functions import RANGE_FUNCTIONS
from spanhouse_query.series.samples import STALE
from spanhouse_query.series.source import Leaf, Series
from spanhouse_query.series.stored.fetching import RowsOfSeries, Stretch

ABSENT = 0x7FF8_5350_414E_4841
"""The bits of a NaN that nobody sends, for steps without a value."""

_LATEST = 4_102_444_800_000
"""Beyond what the engine's functions are asked for, milliseconds: the year 2100."""

_FUNCTIONS: Mapping[str, str] = {
    "instant": "Last",
    "last_over_time": "Last",
    "rate": "Rate",
    "increase": "Increase",
    "delta": "Delta",
    "irate": "InstantRate",
    "idelta": "InstantDelta",
    "changes": "Changes",
    "resets": "Resets",
    "sum_over_time": "Sum",
    "count_over_time": "Count",
    "min_over_time": "Min",
    "max_over_time": "Max",
}
_OF_DELTAS: Mapping[str, str] = {"rate": "Sum", "increase": "Sum"}

_DOUBTFUL = "max(toUnixTimestamp64Milli(started)) > min(toUnixTimestamp64Milli(ts)) OR NOT min(isFinite(value))"

_GRIDS = """
SELECT
    series,
    {doubtful} AS doubtful,
    arrayMap(
        x -> ifNull(x, reinterpretAsFloat64({absent}::UInt64)),
        timeSeries{function}ToGrid('{start}', '{end}', '{step}', '{window}')(ts, value)
    ) AS grid
FROM {table}
WHERE {where}{markers}
GROUP BY series
ORDER BY series
"""
SETTINGS = {"enable_time_series_aggregate_functions": 1}


@dataclass(frozen=True, slots=True)
class Computed:
    """What the engine computed, and the series that it could not."""

    matrix: Matrix
    left: Sequence[Series]


def computable(leaf: Leaf, series: Series) -> bool:
    """Whether the engine can compute a leaf over a series."""
    deltas = series.metric.delta and RANGE_FUNCTIONS[leaf.function].of_deltas is not None
    known = leaf.function in (_OF_DELTAS if deltas else _FUNCTIONS)
    within = leaf.steps.start > leaf.window and leaf.steps.last < _LATEST
    return known and within and series.part == "value" and len(series.ids) == 1


async def grids(reader: Reader, stretch: Stretch, series: Sequence[Series], leaf: Leaf) -> Computed:
    """A row for each of the series that has anything."""
    steps, deltas = leaf.steps, series[0].metric.delta and leaf.function in _OF_DELTAS
    looks_at_starts = RANGE_FUNCTIONS[leaf.function].counter and not series[0].metric.delta
    markers = "" if leaf.function == "instant" else f" AND reinterpretAsUInt64(value) != {STALE}"
    sql = _GRIDS.format(
        doubtful=_DOUBTFUL if looks_at_starts else "false",
        absent=ABSENT,
        function=(_OF_DELTAS if deltas else _FUNCTIONS)[leaf.function],
        start=seconds(steps.start),
        end=seconds(steps.last),
        step=seconds(steps.step if steps.count > 1 else 1000),
        window=seconds(leaf.window),
        table=stretch.table,
        where=stretch.where,
        markers=markers,
    )
    answer = await reader.raw(sql, output="RowBinary", settings=SETTINGS, **stretch.parameters)
    return decoded(answer, series, leaf, per_second=deltas and leaf.function == "rate")


def decoded(answer: bytes, series: Sequence[Series], leaf: Leaf, *, per_second: bool = False) -> Computed:
    """Rows of a series, whether it is doubtful, and a grid. per_second: whether sums are to become rates."""
    count = leaf.steps.count
    length = -(-count.bit_length() // 7)  # of a length as RowBinary writes it
    layout = [("series", "<u8"), ("doubtful", "u1"), ("length", f"V{length}"), ("grid", "<f8", (count,))]
    found: NDArray[np.void] = np.frombuffer(answer, np.dtype(layout))
    rows = RowsOfSeries([one.ids for one in series])(found["series"])
    usable = found["doubtful"] == 0
    values = np.ascontiguousarray(found["grid"][usable])
    bits = values.view(np.int64)
    present = bits != ABSENT
    if leaf.function == "instant":
        present &= bits != STALE
    if per_second:
        values = values / (leaf.window / 1000)
    labels = [series[row].labels for row in rows[usable]]
    left = [series[row] for row in rows[~usable]]
    return Computed(Matrix(labels, values, present).not_empty(), left)


def seconds(milliseconds: int) -> str:
    """An instant or a length as the engine's functions take them."""
    return f"{milliseconds // 1000}.{milliseconds % 1000:03d}"
