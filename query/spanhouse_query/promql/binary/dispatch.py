"""A binary operator by what stands on its sides."""

from __future__ import annotations

import numpy as np
from promql_parser import BinModifier

from spanhouse_query.promql.binary.elementwise import elementwise
from spanhouse_query.promql.binary.matched import Matching, between_vectors
from spanhouse_query.promql.binary.operators import ARITHMETIC, COMPARISON, SETS
from spanhouse_query.promql.binary.sets import set_operation
from spanhouse_query.promql.errors import BadExpression
from spanhouse_query.promql.values import Scalar, Text, Value
from spanhouse_query.series import Matrix, unnamed
from spanhouse_query.series.relabelled import relabelled


def evaluate_binary(operator: str, left: Value, right: Value, modifier: BinModifier | None) -> Value:
    """The operator over two values. Raises QueryError."""
    boolean = modifier is not None and modifier.return_bool
    if isinstance(left, Text) or isinstance(right, Text):
        raise BadExpression("binary expression must contain only scalar and instant vector types")
    if isinstance(left, Scalar) and isinstance(right, Scalar):
        return _between_scalars(operator, left, right)
    if isinstance(left, Matrix) and isinstance(right, Matrix):
        matching = Matching.of(modifier)
        if operator in SETS:
            return set_operation(operator, left, right, matching)
        return between_vectors(operator, left, right, matching, boolean=boolean)
    return _with_scalar(operator, left, right, boolean=boolean)


def _between_scalars(operator: str, left: Scalar, right: Scalar) -> Scalar:
    operation = ARITHMETIC.get(operator) or COMPARISON[operator]
    return Scalar(operation(left.values, right.values).astype(np.float64))


def _with_scalar(operator: str, left: Value, right: Value, *, boolean: bool) -> Matrix:
    """A comparison keeps the number of the series, whichever side that is on."""
    if isinstance(left, Matrix) and isinstance(right, Scalar):
        vector, found = left, elementwise(operator, left, _opposite(left, right), boolean=boolean)
    elif isinstance(left, Scalar) and isinstance(right, Matrix):
        vector, found = right, elementwise(operator, _opposite(right, left), right, boolean=boolean)
    else:
        raise BadExpression("set operators are only allowed between instant vectors")
    if operator in COMPARISON and not boolean:
        return Matrix(vector.labels, vector.values, found.present).not_empty()
    return relabelled(Matrix(vector.labels, found.values, found.present, found.histograms), unnamed).not_empty()


def _opposite(vector: Matrix, scalar: Scalar) -> Matrix:
    """The number opposite each row."""
    return Matrix(vector.labels, np.broadcast_to(scalar.values, vector.shape), np.ones(vector.shape, np.bool_))
