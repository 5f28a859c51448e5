"""Expressions over steps: leaves are asked of the source, all else is computed on matrices."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import promql_parser as nodes
from numpy.typing import NDArray

from spanhouse_query.promql import aggregations, subqueries
from spanhouse_query.promql.arguments import Arguments
from spanhouse_query.promql.binary import evaluate_binary
from spanhouse_query.promql.errors import BadExpression, Unsupported
from spanhouse_query.promql.functions import FUNCTIONS
from spanhouse_query.promql.leaves import Leaves
from spanhouse_query.promql.tree import bare, fixed_at, milliseconds, token
from spanhouse_query.promql.values import Scalar, Text, Value
from spanhouse_query.series import Grouping, Matrix, RawSeries, Steps, unnamed
from spanhouse_query.series.relabelled import relabelled


class Evaluator:
    """Evaluates trees of one query. leaves: where series come from. bounds: the steps of the query itself.

    It is synchronous, and belongs in a worker thread.
    """

    def __init__(self, leaves: Leaves, bounds: Steps) -> None:
        self.leaves = leaves
        self.bounds = bounds

    def value(self, node: Any, steps: Steps) -> Value:
        """What the node gives at the steps. Raises QueryError."""
        return _NODES[type(node)](self, node, steps)

    def vector(self, node: Any, steps: Steps) -> Matrix:
        """The same for what must be series."""
        value = self.value(node, steps)
        if not isinstance(value, Matrix):
            raise BadExpression("expected series, got " + ("a scalar" if isinstance(value, Scalar) else "a string"))
        return value

    def instant(self, node: nodes.VectorSelector, steps: Steps, function: str = "instant") -> Matrix:
        """The newest sample at each step."""
        return self._over(node, node, steps, function, self.leaves.lookback)

    def over_range(
        self,
        node: Any,
        steps: Steps,
        function: str,
        parameters: tuple[float, ...] = (),
        grouping: Grouping | None = None,
    ) -> Matrix:
        """A range function over a range selector or a subquery. Its name is kept: it is the caller's to drop."""
        node = bare(node)
        if isinstance(node, nodes.SubqueryExpr):
            found = subqueries.evaluate(self, node, steps, function, parameters)
            return found if grouping is None else aggregations.apply_grouping(found, grouping)
        if not isinstance(node, nodes.MatrixSelector):
            raise BadExpression(f"expected type range vector in call to function {function!r}")
        selector, window = node.vector_selector, milliseconds(node.range)
        return self._over(node, selector, steps, function, window, parameters, grouping)

    def behind(self, node: Any, steps: Steps) -> NDArray[np.int64]:
        """How long before each step the instant is that a range ends with, milliseconds."""
        node = bare(node)
        own = node if isinstance(node, nodes.SubqueryExpr) else node.vector_selector
        instant = fixed_at(own, self.bounds)
        return steps.instants - (steps.instants if instant is None else instant) + milliseconds(own.offset)

    def raw(self, node: Any, steps: Steps) -> Sequence[RawSeries]:
        """The samples of a range selector or a subquery at the only step."""
        if isinstance(node, nodes.SubqueryExpr):
            return subqueries.samples(self, node, steps)
        selector = node.vector_selector
        instant = fixed_at(selector, self.bounds)
        until = (steps.start if instant is None else instant) - milliseconds(selector.offset)
        return self.leaves.samples(selector, until - milliseconds(node.range), until)

    def leaf(self, node: Any, steps: Steps, grouping: Grouping) -> Matrix | None:
        """An aggregation that stands right over a leaf, so that the source may do both; None where it does not."""
        node = bare(node)
        if isinstance(node, nodes.VectorSelector):
            return self._over(node, node, steps, "instant", self.leaves.lookback, (), grouping)
        if not isinstance(node, nodes.Call) or not self.leaves.knows(node.func.name) or len(node.args) != 1:
            return None
        if not isinstance(bare(node.args[0]), nodes.MatrixSelector):
            return None
        return self.over_range(node.args[0], steps, node.func.name, (), grouping)

    def _over(
        self,
        node: Any,
        selector: nodes.VectorSelector,
        steps: Steps,
        function: str,
        window: int,
        parameters: tuple[float, ...] = (),
        grouping: Grouping | None = None,
    ) -> Matrix:
        instant = fixed_at(selector, self.bounds)
        grid = (steps if instant is None else Steps.at(instant)).shifted(milliseconds(selector.offset))
        found = self.leaves.evaluate(selector, grid, function, window, parameters, grouping)
        return found if instant is None else found.repeated(steps.count)


def _number(evaluator: Evaluator, node: nodes.NumberLiteral, steps: Steps) -> Value:
    return Scalar.constant(node.val, steps.count)


def _text(evaluator: Evaluator, node: nodes.StringLiteral, steps: Steps) -> Value:
    return Text(node.val)


def _selector(evaluator: Evaluator, node: nodes.VectorSelector, steps: Steps) -> Value:
    return evaluator.instant(node, steps)


def _range(evaluator: Evaluator, node: Any, steps: Steps) -> Value:
    raise BadExpression("a range vector has no value at an instant; put a function such as rate(…) around it")


def _parenthesised(evaluator: Evaluator, node: nodes.ParenExpr, steps: Steps) -> Value:
    return evaluator.value(node.expr, steps)


def _negated(evaluator: Evaluator, node: nodes.UnaryExpr, steps: Steps) -> Value:
    value = evaluator.value(node.expr, steps)
    if isinstance(value, Scalar):
        return Scalar(-value.values)
    if isinstance(value, Text):
        raise BadExpression("unary expression only allowed on expressions of type scalar or instant vector")
    factor = Scalar.constant(-1.0, steps.count)
    return relabelled(aggregations.times(value, factor), unnamed)


def _binary(evaluator: Evaluator, node: nodes.BinaryExpr, steps: Steps) -> Value:
    left, right = evaluator.value(node.lhs, steps), evaluator.value(node.rhs, steps)
    with np.errstate(all="ignore"):
        return evaluate_binary(token(node), left, right, node.modifier)


def _aggregation(evaluator: Evaluator, node: nodes.AggregateExpr, steps: Steps) -> Value:
    with np.errstate(all="ignore"):
        return aggregations.evaluate(evaluator, node, steps)


def _call(evaluator: Evaluator, node: nodes.Call, steps: Steps) -> Value:
    name = node.func.name
    function = FUNCTIONS.get(name)
    if function is None:
        raise Unsupported(f"the function {name} is not supported; docs/metrics-and-promql.md lists those that are")
    with np.errstate(all="ignore"):
        return function(Arguments(name, evaluator, list(node.args), steps))


_NODES: Mapping[type, Callable[[Evaluator, Any, Steps], Value]] = {
    nodes.NumberLiteral: _number,
    nodes.StringLiteral: _text,
    nodes.VectorSelector: _selector,
    nodes.MatrixSelector: _range,
    nodes.SubqueryExpr: _range,
    nodes.ParenExpr: _parenthesised,
    nodes.UnaryExpr: _negated,
    nodes.BinaryExpr: _binary,
    nodes.AggregateExpr: _aggregation,
    nodes.Call: _call,
}
