"""The one metric that is meant by a name, which several may have."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from spanhouse_query.problems import Problem, invalid_parameter, not_found
from spanhouse_query.reader import Reader
from spanhouse_query.series import MetricType

_SIMILAR = 5
_MOST_NAMES = 10_000

_OF_NAME = """
SELECT
    type::String AS metric_type,
    unit,
    monotonic,
    arraySort(groupUniqArray(temporality::String)) AS temporalities,
    anyLast(description) AS shown_description
FROM metric_series
WHERE tenant = {tenant:String} AND metric = {metric:String}
GROUP BY type, unit, monotonic
ORDER BY metric_type, unit, monotonic
"""
_NAMES = "SELECT DISTINCT metric FROM metric_series WHERE tenant = {tenant:String} LIMIT {limit:UInt32}"


@dataclass(frozen=True, slots=True)
class ChosenMetric:
    """Series of one name, type, unit and monotonicity; their temporalities may differ, and are read alike."""

    name: str
    type: MetricType
    unit: str
    monotonic: bool
    temporalities: Sequence[str]
    description: str

    @property
    def is_histogram(self) -> bool:
        """Whether its points are of observations in buckets."""
        return self.type in ("histogram", "exponential_histogram")

    @property
    def accumulates(self) -> bool:
        """Whether its points are of what was added up, rather than of how much there is."""
        return self.type not in ("gauge", "sum") or self.monotonic or list(self.temporalities) == ["delta"]

    @property
    def kind(self) -> str:
        """How an error calls it."""
        if self.type == "sum":
            return "a monotonic sum" if self.monotonic else "a sum that is not monotonic"
        return f"an {self.type}" if self.type.startswith("e") else f"a {self.type}"


async def choose_metric(
    reader: Reader, name: str, *, type_: str | None, unit: str | None, monotonic: bool | None
) -> ChosenMetric:
    """Raises Problem: 404 where there is none, with names that are like it; 400 where several are meant, with which."""
    known = [_metric(name, row) for row in await reader.rows(_OF_NAME, metric=name)]
    if not known:
        raise not_found(f"there is no metric {name!r}; see /api/v1/metrics", allowed=await _similar(reader, name))
    left = [
        metric
        for metric in known
        if type_ in (None, metric.type)
        and unit in (None, metric.unit)
        and (monotonic in (None, metric.monotonic) or metric.type != "sum")
    ]
    if not left:
        raise not_found(f"there is no such metric {name!r}: it is {_listed(known)}")
    if len(left) > 1:
        raise _ambiguous(name, left)
    return left[0]


def _metric(name: str, row: Mapping[str, Any]) -> ChosenMetric:
    return ChosenMetric(
        name=name,
        type=row["metric_type"],
        unit=row["unit"],
        monotonic=bool(row["monotonic"]),
        temporalities=row["temporalities"],
        description=row["shown_description"],
    )


async def _similar(reader: Reader, name: str) -> list[str]:
    names = [row["metric"] for row in await reader.rows(_NAMES, limit=_MOST_NAMES)]
    return difflib.get_close_matches(name, names, _SIMILAR)


def _ambiguous(name: str, known: Sequence[ChosenMetric]) -> Problem:
    """What tells them apart is the parameter at fault."""
    told_apart: list[tuple[str, list[str]]] = [
        ("type", sorted({metric.type for metric in known})),
        ("unit", sorted({metric.unit for metric in known})),
        ("monotonic", ["false", "true"]),
    ]
    parameter, allowed = next(pair for pair in told_apart if len(pair[1]) > 1)
    detail = f"several metrics are called {name!r}: {_listed(known)}; say which with {parameter}"
    return invalid_parameter(parameter, detail, allowed=allowed)


def _listed(known: Sequence[ChosenMetric]) -> str:
    return " and ".join(f"{metric.kind} in unit {metric.unit!r}" for metric in known)
