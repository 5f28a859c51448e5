"""Answers to an expression, whoever gives them, and what two of them disagree about."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from httpx2 import Client

from tests.promql_conformance.dataset import AT
from tests.promql_conformance.expressions import FIRST, LAST, STEP
from tests.promql_conformance.reference.evaluator import Evaluator, series_of
from tests.promql_conformance.reference.parser import parse
from tests.promql_conformance.reference.signatures import kind
from tests.promql_conformance.reference.syntax import Expression, Range, Refused, Subquery, Text
from tests.promql_conformance.reference.vectors import Key, Matrix, Point, Series, key

RELATIVE, ABSOLUTE = 1e-9, 1e-12
REFUSALS = (400, 422)  # an expression that is none, and one that has no answer


@dataclass(frozen=True)
class Answer:
    """type: scalar, string, vector, matrix or refused; text: of a string. Scalars and vectors have a point a series."""

    type: str
    series: dict[Key, list[Point]]
    text: str = ""


REFUSED = Answer("refused", {})


class Reference:
    """The evaluator of reference/ over the data set."""

    def __init__(self, series: Sequence[Series]) -> None:
        self._series = series

    def instant(self, expression: str) -> Answer:
        try:
            return self._at_once(parse(expression), Evaluator(self._series, AT, AT))
        except Refused:
            return REFUSED

    def _at_once(self, node: Expression, evaluator: Evaluator) -> Answer:
        if isinstance(node, Text):
            return Answer("string", {}, node.value)
        if isinstance(node, Range | Subquery):
            return _matrix(evaluator.matrix(node, AT)[0])
        vector = evaluator.vector_or_scalar(node, AT)
        return Answer("scalar" if kind(node) == "s" else "vector", _matrix(series_of([(AT, vector)])).series)

    def range(self, expression: str) -> Answer:
        try:
            node = parse(expression)
            if isinstance(node, Text | Range | Subquery):
                return REFUSED
            evaluator = Evaluator(self._series, FIRST, LAST)
            vectors = [(at, evaluator.vector_or_scalar(node, at)) for at in range(FIRST, LAST + 1, STEP)]
        except Refused:
            return REFUSED
        return _matrix(series_of(vectors))


def _matrix(matrix: Matrix) -> Answer:
    return Answer("matrix", {key(labels): points for labels, points in matrix})


class Server:
    """Anything with Prometheus' HTTP API; path: where it begins."""

    def __init__(self, client: Client, path: str) -> None:
        self._client = client
        self._path = path

    def instant(self, expression: str) -> Answer:
        return self._ask("query", {"query": expression, "time": _seconds(AT)})

    def range(self, expression: str) -> Answer:
        borders = {"start": _seconds(FIRST), "end": _seconds(LAST), "step": _seconds(STEP)}
        return self._ask("query_range", {"query": expression, **borders})

    def _ask(self, endpoint: str, parameters: dict[str, str]) -> Answer:
        response = self._client.get(f"{self._path}/api/v1/{endpoint}", params=parameters)
        body = response.json()
        if response.status_code in REFUSALS:
            assert body["status"] == "error", body
            assert body["errorType"], body
            assert body["error"], body
            return REFUSED
        assert response.status_code == 200, response.text
        assert body["status"] == "success", body
        return _read(body["data"]["resultType"], body["data"]["result"])


def _seconds(milliseconds: int) -> str:
    return f"{milliseconds / 1000:.3f}"


def _read(type_: str, result: Any) -> Answer:
    if type_ == "string":
        return Answer(type_, {}, result[1])
    if type_ == "scalar":
        return Answer(type_, {(): [_point(result)]})
    series: dict[Key, list[Point]] = {}
    for one in result:
        labels = key(one["metric"])
        assert labels not in series, f"{one['metric']} is there twice"
        series[labels] = [_point(pair) for pair in ([one["value"]] if type_ == "vector" else one["values"])]
    return Answer(type_, series)


def _point(pair: list[Any]) -> Point:
    at, value = pair
    assert isinstance(value, str), f"the value {value!r} is no text"
    return round(at * 1000), float(value)


def disagreement(expected: Answer, actual: Answer, *, in_order: bool = False) -> str | None:
    """The first thing that two answers differ in, None if they agree. in_order: the order of the series counts."""
    if (expected.type, expected.text) != (actual.type, actual.text):
        return f"expected {_told(expected)}, got {_told(actual)}"
    for labels in [*expected.series, *actual.series]:
        found = _points_disagreement(expected.series.get(labels, []), actual.series.get(labels, []))
        if found:
            return f"{dict(labels)}: {found}"
    if in_order and not _same_order(expected, actual):
        return f"expected the order {list(expected.series)}, got {list(actual.series)}"
    return None


def _told(answer: Answer) -> str:
    return f"{answer.type} {answer.text!r}" if answer.type == "string" else f"{answer.type} of {len(answer.series)}"


def _points_disagreement(expected: list[Point], actual: list[Point]) -> str | None:
    if [at for at, _ in expected] != [at for at, _ in actual]:
        return f"expected {expected}, got {actual}"
    for (at, wanted), (_, got) in zip(expected, actual, strict=True):
        if not _same(wanted, got):
            return f"expected {wanted!r} at {at}, got {got!r}"
    return None


def _same(left: float, right: float) -> bool:
    if math.isnan(left) or math.isnan(right):
        return math.isnan(left) and math.isnan(right)
    return math.isclose(left, right, rel_tol=RELATIVE, abs_tol=ABSOLUTE)


def _same_order(expected: Answer, actual: Answer) -> bool:
    """By value: equal values may change places."""
    values = [[points[0][1] for points in answer.series.values()] for answer in (expected, actual)]
    return all(_same(left, right) for left, right in zip(*values, strict=True))
