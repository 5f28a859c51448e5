"""Functions over a range of samples: they are the source's, or those of a subquery."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import promql_parser as nodes
from numpy.typing import NDArray

from spanhouse_query.promql.arguments import Arguments
from spanhouse_query.promql.errors import BadExpression
from spanhouse_query.promql.tree import bare
from spanhouse_query.promql.values import Value
from spanhouse_query.series import Matrix, unnamed
from spanhouse_query.series.range_functions import RANGE_FUNCTIONS
from spanhouse_query.series.relabelled import relabelled


def over_range(arguments: Arguments) -> Value:
    """Any of the range functions, with its parameters at each step."""
    place = next((n for n, node in enumerate(arguments.nodes) if _is_range(node)), None)
    if place is None:
        raise BadExpression(f"expected type range vector in call to function {arguments.function!r}")
    parameters = [arguments.scalar(n) for n in range(len(arguments)) if n != place]
    found = _by_parameters(arguments, arguments.nodes[place], parameters)
    if RANGE_FUNCTIONS[arguments.function].keeps_name:
        return found
    return relabelled(found, unnamed)


def predicted(arguments: Arguments) -> Value:
    """predict_linear: from the step on, wherever `offset` and `@` take the samples from."""
    node, seconds = arguments.nodes[0], arguments.scalar(1)
    evaluator, steps = arguments.evaluator, arguments.steps
    ahead = seconds + evaluator.behind(node, steps) / 1000
    level = evaluator.over_range(node, steps, "predict_linear", (float(ahead[0]),))
    if not (ahead == ahead[0]).all():
        slope = evaluator.over_range(node, steps, "deriv")
        level = replace(level, values=level.values + slope.values * (ahead - ahead[0]))
    return relabelled(level, unnamed)


def smoothed(arguments: Arguments) -> Value:
    """double_exponential_smoothing, whose factors must be within 0 and 1."""
    for place, name in ((1, "smoothing"), (2, "trend")):
        factor = arguments.scalar(place)
        if not ((factor > 0) & (factor < 1)).all():
            raise BadExpression(f"invalid {name} factor. Expected: 0 < factor < 1, got: {factor[0]:f}")
    return over_range(arguments)


def _is_range(node: object) -> bool:
    return isinstance(bare(node), nodes.MatrixSelector | nodes.SubqueryExpr)


def _by_parameters(arguments: Arguments, node: object, parameters: list[NDArray[np.float64]]) -> Matrix:
    """Parameters are numbers almost always; where they change from step to step, the steps of each are taken."""
    evaluator, steps = arguments.evaluator, arguments.steps
    given = np.stack(parameters).view(np.int64) if parameters else np.empty((0, 1), np.int64)
    distinct, which = np.unique(given, axis=1, return_inverse=True)
    parts = []
    for number, values in enumerate(np.ascontiguousarray(distinct.T).view(np.float64)):
        found = evaluator.over_range(node, steps, arguments.function, tuple(values.tolist()))
        if distinct.shape[1] > 1:
            found = found.where(np.broadcast_to(which.ravel() == number, found.shape))
        parts.append(found)
    return relabelled(Matrix.concatenated(parts, steps.count), lambda labels: labels)
