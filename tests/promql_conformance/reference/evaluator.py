"""What an expression of PromQL evaluates to, by plain loops over all samples, as Prometheus 3 documents it.

Nothing is compiled or kept: each instant of a range is evaluated by itself. The documentation is that of Prometheus,
"Querying": basics, operators, functions.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.promql_conformance.reference import elementwise, operators
from tests.promql_conformance.reference.aggregations import aggregate
from tests.promql_conformance.reference.histograms import histogram_quantile
from tests.promql_conformance.reference.numbers import quantile
from tests.promql_conformance.reference.parser import SETS
from tests.promql_conformance.reference.signatures import kind
from tests.promql_conformance.reference.syntax import (
    Aggregate,
    Binary,
    Call,
    Expression,
    Instant,
    Matcher,
    Matching,
    Negate,
    Number,
    Range,
    Refused,
    Selector,
    Shift,
    Subquery,
    Text,
)
from tests.promql_conformance.reference.vectors import (
    Key,
    Labels,
    Matrix,
    Series,
    Vector,
    distinct,
    fits,
    key,
    nameless,
    pattern,
    with_label,
)
from tests.promql_conformance.reference.windows import WINDOWED, Window, predict_linear

LOOKBACK = 300_000
DEFAULT_STEP = 60_000  # of subqueries without one: Prometheus's default evaluation interval

_GROUP = re.compile(r"\$(?:\$|\{(\w+)\}|(\w+))")


@dataclass(frozen=True)
class Evaluator:
    """Over all series; start and end are those of the query. Milliseconds."""

    series: Sequence[Series]
    start: int
    end: int

    def text(self, node: Expression) -> str:
        """Of a literal."""
        if not isinstance(node, Text):
            raise Refused("a text is expected")
        return node.value

    def scalar(self, node: Expression, now: int) -> float:
        match node:
            case Number(value=value):
                return value
            case Negate(expression=inner):
                return -self.scalar(inner, now)
            case Binary(operator=operator, left=left, right=right):
                return operators.scalars(operator, self.scalar(left, now), self.scalar(right, now))
            case Call(function="time"):
                return now / 1000
            case Call(function="pi"):
                return math.pi
            case Call(function="scalar", arguments=[argument]):
                vector = self.vector(argument, now)
                return vector[0][1] if len(vector) == 1 else math.nan
        raise Refused("a scalar is expected")

    def vector(self, node: Expression, now: int) -> Vector:
        match node:
            case Selector():
                return [(labels, value) for labels, _, value in self._latest(node, now)]
            case Negate(expression=inner):
                return distinct([(nameless(labels), -value) for labels, value in self.vector(inner, now)])
            case Binary():
                return self._binary(node, now)
            case Aggregate():
                return self._aggregate(node, now)
            case Call():
                return self._call(node, now)
        raise Refused("an instant vector is expected")

    def _instant(self, shift: Shift, now: int) -> int:
        instants: dict[Instant | None, int] = {None: now, "start": self.start, "end": self.end}
        at = shift.at if isinstance(shift.at, int) else instants[shift.at]
        return at - (shift.back or 0)

    def _selected(self, matchers: Sequence[Matcher]) -> list[Series]:
        return [one for one in self.series if all(fits(one.labels, matcher) for matcher in matchers)]

    def _latest(self, node: Selector, now: int) -> list[tuple[Labels, int, float]]:
        """The last sample of each series in the lookback, unless it says that the series has ended."""
        at = self._instant(node.shift, now)
        found = []
        for one in self._selected(node.matchers):
            inside = [sample for sample in one.samples if at - LOOKBACK < sample[0] <= at]
            if inside and inside[-1][1] is not None:
                found.append((one.labels, inside[-1][0], inside[-1][1]))
        return found

    def matrix(self, node: Expression, now: int) -> tuple[Matrix, int, int]:
        """The series that have samples in the window, and its borders."""
        if isinstance(node, Range):
            end = self._instant(node.selector.shift, now)
            start = end - node.length
            return self._samples(node.selector.matchers, start, end), start, end
        if isinstance(node, Subquery):
            end = self._instant(node.shift, now)
            start = end - node.length
            return self._evaluations(node, start, end), start, end
        raise Refused("a range vector is expected")

    def _samples(self, matchers: Sequence[Matcher], start: int, end: int) -> Matrix:
        found: Matrix = []
        for one in self._selected(matchers):
            points = [(at, value) for at, value in one.samples if start < at <= end and value is not None]
            if points:
                found.append((one.labels, points))
        return found

    def _evaluations(self, node: Subquery, start: int, end: int) -> Matrix:
        """At the multiples of the step in the window."""
        step = node.step or DEFAULT_STEP
        instants = range(start // step * step + step, end + 1, step)
        return series_of([(at, self.vector_or_scalar(node.expression, at)) for at in instants])

    def vector_or_scalar(self, node: Expression, now: int) -> Vector:
        """A scalar as a vector without labels."""
        return [({}, self.scalar(node, now))] if kind(node) == "s" else self.vector(node, now)

    def _binary(self, node: Binary, now: int) -> Vector:
        left_kind, right_kind = kind(node.left), kind(node.right)
        if "s" in (left_kind, right_kind):
            first = left_kind == "s"
            vector = self.vector(node.right if first else node.left, now)
            scalar = self.scalar(node.left if first else node.right, now)
            return operators.with_scalar(node.operator, vector, scalar, scalar_first=first, as_bool=node.as_bool)
        left, right = self.vector(node.left, now), self.vector(node.right, now)
        matching = node.matching or Matching()
        if node.operator in SETS:
            return operators.sets(node.operator, left, right, matching)
        return operators.vectors(node.operator, left, right, matching, as_bool=node.as_bool)

    def _aggregate(self, node: Aggregate, now: int) -> Vector:
        parameter: float | str | None = None
        if node.parameter is not None:
            text = isinstance(node.parameter, Text)
            parameter = self.text(node.parameter) if text else self.scalar(node.parameter, now)
        vector = self.vector(node.expression, now)
        return aggregate(node.operator, vector, node.labels, by=not node.without, parameter=parameter)

    def _call(self, node: Call, now: int) -> Vector:
        name, arguments = node.function, node.arguments
        if name in WINDOWED or name in ("quantile_over_time", "predict_linear", "absent_over_time"):
            return self._windowed(node, now)
        if name in elementwise.OF_A_NUMBER:
            return _each(self.vector(arguments[0], now), elementwise.OF_A_NUMBER[name])
        if name in elementwise.OF_A_DATE:
            vector: Vector = self.vector(arguments[0], now) if arguments else [({}, now / 1000)]
            return _each(vector, elementwise.OF_A_DATE[name])
        if name.startswith("histogram_"):
            return self._histogram(node, now)
        if name.startswith("label_"):
            return self._labelled(node, now)
        return self._other(node, now)

    def _other(self, node: Call, now: int) -> Vector:
        argument = node.arguments[0]
        bounds = [self.scalar(bound, now) for bound in node.arguments[1:]]
        match node.function:
            case "vector":
                return [({}, self.scalar(argument, now))]
            case "absent":
                return [] if self.vector(argument, now) else [(_wanted_labels(argument), 1.0)]
            case "timestamp":
                return self._timestamps(argument, now)
            case "sort":
                return _ordered(self.vector(argument, now), sign=1)
            case "sort_desc":
                return _ordered(self.vector(argument, now), sign=-1)
        return _bounded(node.function, self.vector(argument, now), bounds)

    def _timestamps(self, argument: Expression, now: int) -> Vector:
        """Of the samples where a selector stands there, of the evaluation elsewhere."""
        if isinstance(argument, Selector):
            return distinct([(nameless(labels), at / 1000) for labels, at, _ in self._latest(argument, now)])
        return _each(self.vector(argument, now), lambda _: now / 1000)

    def _windowed(self, node: Call, now: int) -> Vector:
        place = 1 if node.function == "quantile_over_time" else 0
        matrix, start, end = self.matrix(node.arguments[place], now)
        if node.function == "absent_over_time":
            return [] if matrix else [(_wanted_labels(node.arguments[0]), 1.0)]
        result: Vector = []
        for labels, points in matrix:
            value = self._of_window(node, Window(points, start, end, now))
            if value is not None:
                result.append((labels if node.function == "last_over_time" else nameless(labels), float(value)))
        return distinct(result)

    def _of_window(self, node: Call, window: Window) -> float | None:
        if node.function == "quantile_over_time":
            return quantile(self.scalar(node.arguments[0], window.now), window.values)
        if node.function == "predict_linear":
            return predict_linear(window, self.scalar(node.arguments[1], window.now))
        return WINDOWED[node.function](window)

    def _histogram(self, node: Call, now: int) -> Vector:
        if node.function == "histogram_quantile":
            return histogram_quantile(self.scalar(node.arguments[0], now), self.vector(node.arguments[1], now))
        return []  # histogram_count and histogram_sum pass over numbers

    def _labelled(self, node: Call, now: int) -> Vector:
        vector = self.vector(node.arguments[0], now)
        target, *texts = [self.text(argument) for argument in node.arguments[1:]]
        if not target:
            raise Refused("the label that is to be set has no name")
        if node.function == "label_join":
            separator, *sources = texts
            joined = [separator.join(labels.get(source, "") for source in sources) for labels, _ in vector]
            pairs = zip(vector, joined, strict=True)
            return distinct([(with_label(labels, target, text), value) for (labels, value), text in pairs])
        return distinct([(_replaced(labels, target, *texts), value) for labels, value in vector])


def series_of(vectors: Sequence[tuple[int, Vector]]) -> Matrix:
    """The points of each set of labels over the instants."""
    labels_of: dict[Key, Labels] = {}
    points: dict[Key, list[tuple[int, float]]] = {}
    for at, vector in vectors:
        for labels, value in vector:
            labels_of[key(labels)] = labels
            points.setdefault(key(labels), []).append((at, value))
    return [(labels_of[one], points[one]) for one in points]


def _each(vector: Vector, function: Callable[[float], float]) -> Vector:
    return distinct([(nameless(labels), function(value)) for labels, value in vector])


def _bounded(name: str, vector: Vector, bounds: Sequence[float]) -> Vector:
    """round, clamp, clamp_min, clamp_max."""
    match name:
        case "round":
            nearest = bounds[0] if bounds else 1.0
            return _each(vector, lambda value: elementwise.rounded(value, nearest))
        case "clamp_min":
            return _each(vector, lambda value: elementwise.at_least(value, bounds[0]))
        case "clamp_max":
            return _each(vector, lambda value: elementwise.at_most(value, bounds[0]))
        case "clamp":
            low, high = bounds
            if low > high:
                return []
            return _each(vector, lambda value: elementwise.at_least(elementwise.at_most(value, high), low))
    raise Refused(f"{name} is not evaluated")


def _ordered(vector: Vector, *, sign: int) -> Vector:
    """NaN comes last in both directions."""
    return sorted(vector, key=lambda element: (math.isnan(element[1]), sign * element[1]))


def _wanted_labels(node: Expression) -> dict[str, str]:
    """Of what is absent: the labels that a selector asks for by one = and nothing else."""
    selector = node.selector if isinstance(node, Range) else node
    if not isinstance(selector, Selector):
        return {}
    names = [matcher.label for matcher in selector.matchers]
    return {
        matcher.label: matcher.value
        for matcher in selector.matchers
        if matcher.operator == "=" and names.count(matcher.label) == 1 and matcher.label != "__name__" and matcher.value
    }


def _replaced(labels: Labels, target: str, replacement: str, source: str, text: str) -> Labels:
    match = pattern(text).fullmatch(labels.get(source, ""))
    if match is None:
        return labels

    def group(reference: re.Match[str]) -> str:
        if reference.group() == "$$":
            return "$"
        name = reference.group(1) or reference.group(2)
        if name.isdigit():
            return (match.group(int(name)) or "") if int(name) <= len(match.groups()) else ""
        return match.groupdict().get(name) or ""

    return with_label(labels, target, _GROUP.sub(group, replacement))
