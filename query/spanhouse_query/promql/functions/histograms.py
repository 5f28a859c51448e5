"""Functions of histograms: of classic ones, which are series with `le`, and of native ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from spanhouse_query.promql.arguments import Arguments
from spanhouse_query.promql.functions import classic, native
from spanhouse_query.promql.values import Value
from spanhouse_query.series import Matrix, unnamed
from spanhouse_query.series.histogram_cells import Floats, HistogramCells
from spanhouse_query.series.relabelled import relabelled


def quantile(arguments: Arguments) -> Value:
    """The quantile of each histogram, between the bounds of a bucket."""
    wanted, matrix = arguments.scalar(0), arguments.vector(1)
    found = [classic.quantiles(matrix, wanted)]
    if matrix.histograms is not None:
        found.append(_of_cells(matrix, lambda cells: native.quantiles(cells, wanted)))
    return relabelled(Matrix.concatenated(found, arguments.steps.count), unnamed)


def fraction(arguments: Arguments) -> Value:
    """The share of observations between two numbers."""
    lower, upper, matrix = arguments.scalar(0), arguments.scalar(1), arguments.vector(2)
    return _of_cells(matrix, lambda cells: native.fractions(cells, lower, upper))


def count(arguments: Arguments) -> Value:
    """How many observations."""
    return _of_cells(arguments.vector(), lambda cells: cells.count)


def total(arguments: Arguments) -> Value:
    """The sum of the observations."""
    return _of_cells(arguments.vector(), lambda cells: cells.sum)


def mean(arguments: Arguments) -> Value:
    """The mean of the observations."""
    return _of_cells(arguments.vector(), lambda cells: cells.sum / cells.count)


def variance(arguments: Arguments) -> Value:
    """The variance, of observations that are taken to be in the middle of their buckets."""
    return _of_cells(arguments.vector(), native.variances)


def deviation(arguments: Arguments) -> Value:
    """The standard deviation, likewise."""
    return _of_cells(arguments.vector(), lambda cells: np.sqrt(native.variances(cells)))


def _of_cells(matrix: Matrix, function: Callable[[HistogramCells], Floats]) -> Matrix:
    """A number of each native histogram; what is no histogram is left out."""
    if matrix.histograms is None:
        return Matrix.empty(matrix.shape[1])
    values = np.asarray(function(matrix.histograms), dtype=np.float64)
    return relabelled(Matrix(matrix.labels, values, matrix.histograms.present), unnamed).not_empty()


FUNCTIONS: Mapping[str, Callable[[Arguments], Value]] = {
    "histogram_quantile": quantile,
    "histogram_fraction": fraction,
    "histogram_count": count,
    "histogram_sum": total,
    "histogram_avg": mean,
    "histogram_stdvar": variance,
    "histogram_stddev": deviation,
}
