"""Set operators: `and`, `or`, `unless`, at each step by itself."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spanhouse_query.promql.binary.matched import Matching
from spanhouse_query.promql.errors import QueryError
from spanhouse_query.series import Matrix, identity
from spanhouse_query.series.relabelled import SameLabels, relabelled


def set_operation(operator: str, left: Matrix, right: Matrix, matching: Matching) -> Matrix:
    """Cells of the left, and with `or` of the right, by whether the other side has something of the same group."""
    if operator == "and":
        return left.where(_there(right, left, matching)).not_empty()
    if operator == "unless":
        return left.where(~_there(right, left, matching)).not_empty()
    more = right.where(~_there(left, right, matching)).not_empty()
    try:
        return relabelled(Matrix.concatenated([left, more], left.shape[1]), lambda labels: labels)
    except SameLabels as error:
        raise QueryError(str(error)) from None


def _there(side: Matrix, other: Matrix, matching: Matching) -> NDArray[np.bool_]:
    """For each row of the other whether `side` has something of its group, step by step."""
    groups = {identity(matching.key(own)): number for number, own in enumerate([*side.labels, *other.labels])}
    numbers = {group: place for place, group in enumerate(groups)}
    found = np.zeros((len(numbers), side.shape[1]), np.bool_)
    rows = [numbers[identity(matching.key(own))] for own in side.labels]
    np.logical_or.at(found, rows, side.occupied)
    return np.asarray(found[[numbers[identity(matching.key(own))] for own in other.labels]]).reshape(other.shape)
