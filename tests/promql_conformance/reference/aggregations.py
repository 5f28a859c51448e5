"""Aggregations of an instant vector by groups."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from tests.promql_conformance.reference import numbers
from tests.promql_conformance.reference.syntax import Refused
from tests.promql_conformance.reference.vectors import NAME, Key, Labels, Vector, key, only, with_label, without

_PLAIN: dict[str, Callable[[Sequence[float]], float]] = {
    "sum": numbers.summed,
    "avg": numbers.mean,
    "min": numbers.least,
    "max": numbers.greatest,
    "count": len,
    "group": lambda values: 1,
    "stddev": numbers.standard_deviation,
    "stdvar": numbers.variance,
}


def group_labels(labels: Labels, names: Sequence[str], *, by: bool) -> Labels:
    """Those that the elements of a group have in common."""
    return only(labels, names) if by else without(labels, NAME, *names)


def aggregate(
    operator: str, vector: Vector, names: Sequence[str], *, by: bool, parameter: float | str | None
) -> Vector:
    """An element a group; topk and bottomk give elements of the vector, count_values one for each value."""
    groups: dict[Key, tuple[Labels, Vector]] = {}
    for labels, value in vector:
        common = group_labels(labels, names, by=by)
        groups.setdefault(key(common), (common, []))[1].append((labels, value))
    result: Vector = []
    for common, members in groups.values():
        values = [value for _, value in members]
        if operator in _PLAIN:
            result.append((common, float(_PLAIN[operator](values))))
        elif operator == "count_values":
            result += _count_values(common, values, str(parameter))
        elif operator == "quantile":
            result.append((common, numbers.quantile(_number(parameter), values)))
        else:
            result += _ranked(members, _number(parameter), largest=operator == "topk")
    return result


def _number(parameter: float | str | None) -> float:
    if not isinstance(parameter, float | int):
        raise Refused("the parameter is no number")
    return float(parameter)


def _count_values(common: Labels, values: Sequence[float], label: str) -> Vector:
    if not label:
        raise Refused("the label of the values has no name")
    texts = [numbers.written(value) for value in values]
    return [(with_label(common, label, text), float(texts.count(text))) for text in dict.fromkeys(texts)]


def _ranked(members: Vector, count: float, *, largest: bool) -> Vector:
    """NaN comes last in both. ValueError where equal elements would have to be chosen from, which may go either way."""
    sign = -1 if largest else 1
    ordered = sorted(members, key=lambda member: (math.isnan(member[1]), sign * member[1]))
    size = max(0, int(count))
    if 0 < size < len(ordered) and ordered[size - 1][1] == ordered[size][1]:
        raise ValueError(f"{ordered[size - 1]} and {ordered[size]} are equal")
    return ordered[:size]
