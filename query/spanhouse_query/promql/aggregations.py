"""Aggregations over series: `sum by (…)`, `topk`, `quantile`, `count_values` and the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import promql_parser as nodes
from numpy.typing import NDArray

from spanhouse_query.promql.errors import BadExpression, Unsupported
from spanhouse_query.promql.shown import shown_number
from spanhouse_query.promql.tree import token
from spanhouse_query.promql.values import Scalar, Text
from spanhouse_query.series import Grouping, LabelKey, Labels, Matrix, Steps, identity, only, without
from spanhouse_query.series.grouped import group_rows, grouped
from spanhouse_query.series.histogram_sums import scaled
from spanhouse_query.series.quantile import quantile_of_sorted
from spanhouse_query.series.source import Aggregation

if TYPE_CHECKING:
    from spanhouse_query.promql.evaluator import Evaluator

_PLAIN: tuple[Aggregation, ...] = get_args(Aggregation)


def evaluate(evaluator: Evaluator, node: nodes.AggregateExpr, steps: Steps) -> Matrix:
    """The aggregation of a node."""
    name, key = token(node), _key(node.modifier)
    if name in _PLAIN:
        grouping = Grouping(name, key)
        found = evaluator.leaf(node.expr, steps, grouping)
        return apply_grouping(evaluator.vector(node.expr, steps), grouping) if found is None else found
    if name not in _OTHERS:
        raise Unsupported(f"the aggregation {name} is not supported; docs/metrics-and-promql.md lists those that are")
    parameter = None if node.param is None else evaluator.value(node.param, steps)
    return _OTHERS[name](evaluator.vector(node.expr, steps), key, parameter)


def apply_grouping(matrix: Matrix, grouping: Grouping) -> Matrix:
    """One of the plain aggregations."""
    return grouped(matrix, grouping)


def times(matrix: Matrix, factor: Scalar) -> Matrix:
    """All numbers and histograms times a number for each step."""
    cells = matrix.histograms
    if cells is not None:
        cells = scaled(cells, np.broadcast_to(factor.values, matrix.shape))
    return replace(matrix, values=matrix.values * factor.values, histograms=cells)


def _key(modifier: nodes.AggModifier | None) -> LabelKey:
    if modifier is None:
        return only(())
    return without(modifier.labels) if str(modifier.type).endswith("Without") else only(modifier.labels)


def _groups(matrix: Matrix, key: LabelKey) -> Iterator[tuple[Labels, NDArray[np.intp]]]:
    """The labels and the rows of each group."""
    labels, group = group_rows(matrix, key)
    order = np.argsort(group, kind="stable")
    ends = np.searchsorted(group[order], np.arange(len(labels) + 1))
    for number, own in enumerate(labels):
        yield own, order[ends[number] : ends[number + 1]]


def _variance(matrix: Matrix, key: LabelKey, parameter: Any) -> Matrix:
    numbers = replace(matrix, histograms=None)
    labels, group = group_rows(numbers, key)
    mean = grouped(numbers, Grouping("avg", key))
    places = {identity(own): row for row, own in enumerate(mean.labels)}
    row_of = np.array([places.get(identity(own), -1) for own in labels], np.int64)
    if not len(mean.labels):
        return mean
    away = (numbers.values - mean.values[row_of[group]]) ** 2
    return grouped(replace(numbers, values=away), Grouping("avg", key))


def _deviation(matrix: Matrix, key: LabelKey, parameter: Any) -> Matrix:
    found = _variance(matrix, key, parameter)
    return replace(found, values=np.sqrt(found.values))


def _quantile(matrix: Matrix, key: LabelKey, parameter: Any) -> Matrix:
    labels, values, present = [], [], []
    quantiles = _numbers(parameter)
    for own, rows in _groups(matrix, key):
        labels.append(own)
        there = matrix.present[rows]
        values.append(_quantile_of_columns(matrix.values[rows], there, quantiles))
        present.append(there.any(axis=0))
    return _stacked(labels, values, present, matrix.shape[1])


def _quantile_of_columns(
    values: NDArray[np.float64], present: NDArray[np.bool_], quantiles: NDArray[np.float64]
) -> NDArray[np.float64]:
    """NaN is smaller than all numbers; what is absent is sorted to the end."""
    rank = np.where(present, np.where(np.isnan(values), 0, 1), 2)
    order = np.lexsort((values, rank), axis=0)
    ascending = np.take_along_axis(values, order, axis=0)
    lengths = present.sum(axis=0)
    found = np.empty(values.shape[1])
    for q in np.unique(quantiles):
        columns = np.flatnonzero(quantiles == q) if not np.isnan(q) else np.flatnonzero(np.isnan(quantiles))
        flat = np.ascontiguousarray(ascending[:, columns].T)
        starts = np.arange(columns.size) * values.shape[0]
        found[columns] = quantile_of_sorted(flat.ravel(), starts, lengths[columns], float(q))
    return found


def _top(matrix: Matrix, key: LabelKey, parameter: Any) -> Matrix:
    return _ranked(matrix, key, _numbers(parameter), -matrix.values)


def _bottom(matrix: Matrix, key: LabelKey, parameter: Any) -> Matrix:
    return _ranked(matrix, key, _numbers(parameter), matrix.values)


def _ranked(matrix: Matrix, key: LabelKey, wanted: NDArray[np.float64], by: NDArray[np.float64]) -> Matrix:
    """The first `wanted` of each group in ascending order of `by`, with NaN at the end."""
    if not (np.isfinite(wanted) & (np.abs(wanted) < 2**63)).all():
        raise BadExpression("the number of topk and bottomk must be finite")
    kept = np.zeros(matrix.shape, np.bool_)
    order = _by_labels(matrix.labels)
    for _, rows in _groups(matrix.take(order), key):
        chosen = order[rows]
        last = np.where(matrix.present[chosen], np.where(np.isnan(by[chosen]), 1, 0), 2)
        places = np.lexsort((by[chosen], last), axis=0)
        rank = np.empty_like(places)
        np.put_along_axis(rank, places, np.arange(len(chosen))[:, np.newaxis], axis=0)
        kept[chosen] = (rank < np.floor(wanted)) & matrix.present[chosen]
    found = replace(matrix, histograms=None).where(kept)
    if matrix.shape[1] == 1 and matrix.shape[0]:
        by_rank = np.lexsort((by[:, 0], np.isnan(by[:, 0])))
        found = found.take(by_rank)
    return found.not_empty()


def _by_labels(labels: Any) -> NDArray[np.intp]:
    return np.array(sorted(range(len(labels)), key=lambda row: identity(labels[row])), np.intp)


def _count_values(matrix: Matrix, key: LabelKey, parameter: Any) -> Matrix:
    if not isinstance(parameter, Text) or not parameter.text:
        raise BadExpression('count_values needs the name of a label: count_values("version", …)')
    labels: list[Labels] = []
    values, present = [], []
    for own, rows in _groups(matrix, key):
        there = matrix.present[rows]
        numbers = matrix.values[rows]
        for value in np.unique(numbers[there]):
            same = there & ((numbers == value) | (np.isnan(numbers) & np.isnan(value)))
            labels.append({**own, parameter.text: shown_number(float(value), plain=True)})
            values.append(same.sum(axis=0).astype(np.float64))
            present.append(same.any(axis=0))
    return _stacked(labels, values, present, matrix.shape[1])


def _stacked(labels: list[Labels], values: list[Any], present: list[Any], steps: int) -> Matrix:
    if not labels:
        return Matrix.empty(steps)
    return Matrix(labels, np.stack(values), np.stack(present)).not_empty()


def _numbers(parameter: Any) -> NDArray[np.float64]:
    if not isinstance(parameter, Scalar):
        raise BadExpression("expected type scalar in aggregation parameter")
    return parameter.values


_OTHERS: Mapping[str, Callable[[Matrix, LabelKey, Any], Matrix]] = {
    "stddev": _deviation,
    "stdvar": _variance,
    "quantile": _quantile,
    "topk": _top,
    "bottomk": _bottom,
    "count_values": _count_values,
}
