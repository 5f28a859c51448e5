"""Functions of time: instants are unix seconds in UTC."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import promql_parser as nodes
from numpy.typing import NDArray

from spanhouse_query.promql.arguments import Arguments
from spanhouse_query.promql.functions.elementwise import numbers_of
from spanhouse_query.promql.tree import bare
from spanhouse_query.promql.values import Scalar, Value
from spanhouse_query.series import Matrix, unnamed
from spanhouse_query.series.relabelled import relabelled

Floats = NDArray[np.float64]
Days = NDArray[np.datetime64]


def time(arguments: Arguments) -> Value:
    """The instant of the step."""
    return Scalar(arguments.steps.instants / 1000)


def timestamp(arguments: Arguments) -> Value:
    """When the sample of a selector was taken; of anything else the instant of the step."""
    node = bare(arguments.nodes[0])
    if isinstance(node, nodes.VectorSelector):
        return relabelled(arguments.evaluator.instant(node, arguments.steps, "timestamp"), unnamed)
    matrix = arguments.vector()
    seconds = np.broadcast_to(arguments.steps.instants / 1000, matrix.shape)
    return relabelled(Matrix(matrix.labels, seconds, matrix.occupied), unnamed)


def calendar(arguments: Arguments) -> Value:
    """A part of the date: of the numbers of series, or of the step."""
    part = PARTS[arguments.function]
    matrix = arguments.vector() if len(arguments) else Matrix.of_scalar(arguments.steps.instants / 1000)
    return numbers_of(matrix, lambda values: _parts_of_dates(values, part))


def _parts_of_dates(values: Floats, part: Callable[[Floats], Floats]) -> Floats:
    usable = np.isfinite(values) & (np.abs(values) < 2**53)
    return np.where(usable, part(np.where(usable, np.trunc(values), 0)), np.nan)


def _dates(seconds: Floats, unit: str) -> Days:
    return seconds.astype(np.int64).astype("datetime64[s]").astype(f"datetime64[{unit}]")


def _day_of_month(seconds: Floats) -> Floats:
    days = _dates(seconds, "D")
    return np.asarray(((days - days.astype("datetime64[M]")).astype(np.int64) + 1).astype(np.float64))


def _day_of_year(seconds: Floats) -> Floats:
    days = _dates(seconds, "D")
    return np.asarray(((days - days.astype("datetime64[Y]")).astype(np.int64) + 1).astype(np.float64))


def _days_in_month(seconds: Floats) -> Floats:
    months = _dates(seconds, "M")
    length = (months + 1).astype("datetime64[D]") - months.astype("datetime64[D]")
    return np.asarray(length.astype(np.int64), dtype=np.float64)


def _month(seconds: Floats) -> Floats:
    months = _dates(seconds, "M").astype(np.int64)
    return (months % 12 + 1).astype(np.float64)


def _year(seconds: Floats) -> Floats:
    return (_dates(seconds, "Y").astype(np.int64) + 1970).astype(np.float64)


PARTS: Mapping[str, Callable[[Floats], Floats]] = {
    "minute": lambda seconds: np.floor(seconds / 60) % 60,
    "hour": lambda seconds: np.floor(seconds / 3600) % 24,
    "day_of_week": lambda seconds: (np.floor(seconds / 86_400) + 4) % 7,
    "day_of_month": _day_of_month,
    "day_of_year": _day_of_year,
    "days_in_month": _days_in_month,
    "month": _month,
    "year": _year,
}
