"""Functions between numbers and series, and those that ask whether there is anything."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import promql_parser as nodes

from spanhouse_query.promql.arguments import Arguments
from spanhouse_query.promql.tree import bare, selector_of
from spanhouse_query.promql.values import Scalar, Value
from spanhouse_query.series import NAME, Labels, Matrix
from spanhouse_query.series.labels import identity


def scalar(arguments: Arguments) -> Value:
    """The number of the only series, NaN where there are none or several."""
    matrix = arguments.vector()
    single = matrix.present.sum(axis=0) == 1
    total = np.where(matrix.present, matrix.values, 0).sum(axis=0)
    return Scalar(np.where(single, total, np.nan))


def vector(arguments: Arguments) -> Value:
    """A series without labels."""
    return Matrix.of_scalar(arguments.scalar(0))


def pi(arguments: Arguments) -> Value:
    """The constant."""
    return Scalar.constant(math.pi, arguments.steps.count)


def absent(arguments: Arguments) -> Value:
    """1 where there is no series, with the labels that the selector asks for."""
    return _absent(arguments.vector(), _asked(arguments.nodes[0]))


def absent_over_time(arguments: Arguments) -> Value:
    """1 where no series has a sample in the range."""
    node = bare(arguments.nodes[0])
    found = arguments.evaluator.over_range(node, arguments.steps, "present_over_time")
    return _absent(found, _asked(getattr(node, "vector_selector", None)))


def sort(arguments: Arguments) -> Value:
    """By number, ascending; only what is asked at one instant has an order."""
    return _sorted(arguments.vector(), 1)


def sort_desc(arguments: Arguments) -> Value:
    """By number, descending."""
    return _sorted(arguments.vector(), -1)


def _sorted(matrix: Matrix, sign: int) -> Matrix:
    if matrix.shape[1] != 1:
        return matrix
    values = matrix.values[:, 0]
    labels = np.argsort(np.array(sorted(range(len(values)), key=lambda row: identity(matrix.labels[row])), np.intp))
    kept = matrix.present[:, 0]
    order = np.lexsort((labels, np.where(np.isnan(values), 0, sign * values), np.isnan(values)))
    return matrix.take(order[kept[order]])


def _absent(matrix: Matrix, labels: Labels) -> Matrix:
    nothing = np.asarray(~matrix.occupied.any(axis=0))
    return Matrix([labels], np.ones((1, nothing.size)), nothing[np.newaxis, :]).not_empty()


def _asked(node: Any) -> Labels:
    """Labels that a selector names once, by `=`; none of any other expression."""
    node = bare(node)
    if not isinstance(node, nodes.VectorSelector):
        return {}
    matchers = [matcher for matchers in selector_of(node).alternatives for matcher in matchers]
    names = [matcher.name for matcher in matchers]
    return {
        matcher.name: matcher.value
        for matcher in matchers
        if matcher.operator == "=" and matcher.name != NAME and names.count(matcher.name) == 1 and matcher.value
    }
