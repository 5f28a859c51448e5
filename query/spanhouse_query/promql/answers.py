"""Results in Prometheus' JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from spanhouse_query.promql.shown import shown_number
from spanhouse_query.promql.values import Scalar, Text, Value
from spanhouse_query.series import Matrix, RawSeries, Steps, identity
from spanhouse_query.series.histogram_cells import HistogramCells
from spanhouse_query.series.histogram_sums import bounds

# Which ends of a bucket belong to it.
_LEFT_OPEN, _RIGHT_OPEN, _CLOSED = 0, 1, 3


def instant_answer(value: Value, steps: Steps) -> dict[str, Any]:
    """The result of a query at one instant."""
    at = seconds(steps.start)
    if isinstance(value, Text):
        return {"resultType": "string", "result": [at, value.text]}
    if isinstance(value, Scalar):
        return {"resultType": "scalar", "result": [at, shown_number(float(value.values[0]))]}
    shown = _histograms_shown(value.histograms)
    result: list[dict[str, Any]] = []
    for row, labels in enumerate(value.labels):
        if value.present[row, 0]:
            result.append({"metric": labels, "value": [at, shown_number(float(value.values[row, 0]))]})
        elif row in shown:
            result.append({"metric": labels, "histogram": [at, shown[row]]})
    return {"resultType": "vector", "result": result}


def range_answer(matrix: Matrix, steps: Steps) -> dict[str, Any]:
    """The result over steps, by labels."""
    instants = [seconds(instant) for instant in steps.instants.tolist()]
    shown = _histograms_shown(matrix.histograms)
    result = []
    for row in sorted(range(len(matrix.labels)), key=lambda row: identity(matrix.labels[row])):
        places = np.flatnonzero(matrix.present[row]).tolist()
        values = matrix.values[row].tolist()
        series: dict[str, Any] = {"metric": matrix.labels[row]}
        if places:
            series["values"] = [[instants[place], shown_number(values[place])] for place in places]
        first = row * steps.count
        if found := [[instants[step], shown[first + step]] for step in range(steps.count) if first + step in shown]:
            series["histograms"] = found
        result.append(series)
    return {"resultType": "matrix", "result": result}


def raw_answer(found: Sequence[RawSeries]) -> dict[str, Any]:
    """Samples as they are."""
    result = []
    for series in found:
        instants = [seconds(instant) for instant in series.ts.tolist()]
        if series.histograms is not None:
            shown = _histograms_shown(series.histograms)
            pairs = [[instant, shown[place]] for place, instant in enumerate(instants)]
            result.append({"metric": series.labels, "histograms": pairs})
        else:
            values = [shown_number(value) for value in series.values.tolist()]
            result.append({"metric": series.labels, "values": list(zip(instants, values, strict=True))})
    return {"resultType": "matrix", "result": result}


def seconds(milliseconds: int) -> int | float:
    """Unix seconds, whole ones without a fraction."""
    return milliseconds // 1000 if milliseconds % 1000 == 0 else milliseconds / 1000


def _histograms_shown(cells: HistogramCells | None) -> Mapping[int, dict[str, Any]]:
    """By cell, counted row by row."""
    if cells is None:
        return {}
    buckets: dict[int, list[tuple[float, list[Any]]]] = {}
    entries = cells.buckets
    lower, upper = bounds(entries.index, cells.scale.ravel()[entries.cell])
    columns = (entries.cell, entries.side, lower, upper, entries.count)
    for cell, side, low, high, count in zip(*(column.tolist() for column in columns), strict=True):
        ends, rule = ((low, high), _LEFT_OPEN) if side > 0 else ((-high, -low), _RIGHT_OPEN)
        buckets.setdefault(cell, []).append((ends[0], _bucket(rule, ends, count)))
    return {int(cell): _histogram(cells, int(cell), buckets) for cell in np.flatnonzero(cells.present)}


def _histogram(
    cells: HistogramCells, cell: int, buckets: Mapping[int, Sequence[tuple[float, list[Any]]]]
) -> dict[str, Any]:
    found = list(buckets.get(cell, ()))
    if zero_count := float(cells.zero_count.ravel()[cell]):
        edge = float(cells.zero_threshold.ravel()[cell])
        found.append((-edge, _bucket(_CLOSED, (-edge, edge), zero_count)))
    shown: dict[str, Any] = {
        "count": shown_number(float(cells.count.ravel()[cell])),
        "sum": shown_number(float(cells.sum.ravel()[cell])),
    }
    if found:
        shown["buckets"] = [bucket for _, bucket in sorted(found, key=lambda pair: pair[0])]
    return shown


def _bucket(rule: int, ends: tuple[float, float], count: float) -> list[Any]:
    return [rule, shown_number(ends[0]), shown_number(ends[1]), shown_number(count)]
