"""Subqueries: an expression at steps of its own, whose values are the samples of a range."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import promql_parser as nodes

from spanhouse_query.promql.errors import BadExpression
from spanhouse_query.promql.tree import fixed_at, milliseconds
from spanhouse_query.promql.values import Scalar
from spanhouse_query.series import Matrix, RawSeries, Steps
from spanhouse_query.series.histogram_sums import Histograms
from spanhouse_query.series.limits import SUBQUERY_STEPS, TooManySamples
from spanhouse_query.series.native_functions import NUMBERS, NativeSamples, apply_native
from spanhouse_query.series.range_functions import apply
from spanhouse_query.series.samples import Samples

if TYPE_CHECKING:
    from spanhouse_query.promql.evaluator import Evaluator

DEFAULT_STEP = 60_000
"""The step where none is given, milliseconds: Prometheus' default evaluation interval."""


def evaluate(
    evaluator: Evaluator, node: nodes.SubqueryExpr, steps: Steps, function: str, parameters: tuple[float, ...]
) -> Matrix:
    """A range function over a subquery."""
    instant = fixed_at(node, evaluator.bounds)
    grid = (steps if instant is None else Steps.at(instant)).shifted(milliseconds(node.offset))
    inner = _inner(node, grid)
    if inner is None:
        return Matrix.empty(steps.count)
    found = _applied(_matrix(evaluator, node, inner), inner, grid, function, milliseconds(node.range), parameters)
    return found if instant is None else found.repeated(steps.count)


def samples(evaluator: Evaluator, node: nodes.SubqueryExpr, steps: Steps) -> list[RawSeries]:
    """What a subquery gives at the only step."""
    instant = fixed_at(node, evaluator.bounds)
    inner = _inner(node, (steps if instant is None else Steps.at(instant)).shifted(milliseconds(node.offset)))
    if inner is None:
        return []
    matrix = _matrix(evaluator, node, inner)
    found = []
    for row, labels in enumerate(matrix.labels):
        kept = np.flatnonzero(matrix.present[row])
        if kept.size:
            found.append(RawSeries(labels, inner.instants[kept], matrix.values[row, kept]))
    return found


def _inner(node: nodes.SubqueryExpr, grid: Steps) -> Steps | None:
    """Multiples of the step within all windows; None where there are none. Raises TooManySamples."""
    step = milliseconds(node.step) or DEFAULT_STEP
    first = ((grid.start - milliseconds(node.range)) // step + 1) * step
    if first > grid.last:
        return None
    inner = Steps(first, grid.last, step)
    if inner.count > SUBQUERY_STEPS:
        raise TooManySamples(
            f"a subquery of {inner.count:,} steps has more than the {SUBQUERY_STEPS:,} that are evaluated; "
            "use a longer step or a shorter range"
        )
    return inner


def _matrix(evaluator: Evaluator, node: nodes.SubqueryExpr, inner: Steps) -> Matrix:
    value = evaluator.value(node.expr, inner)
    if isinstance(value, Scalar):
        return Matrix.of_scalar(value.values)
    if not isinstance(value, Matrix):
        raise BadExpression("subquery is only allowed on instant vector")
    return value


def _applied(
    matrix: Matrix, inner: Steps, grid: Steps, function: str, window: int, parameters: tuple[float, ...]
) -> Matrix:
    numbers = _samples(matrix, inner)
    values, present = apply(function, numbers, grid, window, parameters)
    if matrix.histograms is None:
        return Matrix(matrix.labels, values, present).not_empty()
    native = _native(matrix, inner)
    if function in NUMBERS:
        more, there = apply(function, native.samples, grid, window, parameters)
        total = np.where(present, values, 0) + np.where(there, more, 0) if function == "count_over_time" else more
        return Matrix(matrix.labels, np.where(there, total, values), present | there).not_empty()
    cells = apply_native(function, native, grid, window)
    kept = cells.where(~present) if cells is not None else None
    return Matrix(matrix.labels, values, present, kept).not_empty()


def _samples(matrix: Matrix, inner: Steps) -> Samples:
    row, step = np.nonzero(matrix.present)
    return Samples(len(matrix.labels), row, inner.instants[step], matrix.values[row, step])


def _native(matrix: Matrix, inner: Steps) -> NativeSamples:
    assert matrix.histograms is not None  # noqa: S101
    row, step = np.nonzero(matrix.histograms.present)
    counts = matrix.histograms.count[row, step]
    samples = Samples(len(matrix.labels), row, inner.instants[step], counts)
    found = Histograms.of_cells(matrix.histograms).take(np.flatnonzero(matrix.histograms.present))
    return NativeSamples(samples, found)
