"""Expressions as trees: text to nodes of promql-parser, and what is asked of the nodes."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import promql_parser as nodes

from spanhouse_query.promql.errors import BadExpression
from spanhouse_query.series import NAME, Matcher, Selector, Steps
from spanhouse_query.series.selector import MatchOperator

_MATCHES: dict[str, MatchOperator] = {"Equal": "=", "NotEqual": "!=", "Re": "=~", "NotRe": "!~"}
_STRING = re.compile(r"""`([^`]*)`|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|#[^\n]*""")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BEFORE_1970 = re.compile(r"@\s*-")


def parse(text: str) -> nodes.Expr:
    """The tree of an expression. Raises BadExpression with what the parser says.

    An instant of `@` before 1970 is refused: nothing is stored there, and the parser cannot tell which one it is.
    """
    if _BEFORE_1970.search(_STRING.sub(" ", text)):
        raise BadExpression('invalid parameter "query": @ takes no instant before 1970')
    try:
        tree: nodes.Expr = nodes.parse(_STRING.sub(_quoted, text))
    except ValueError as error:
        raise BadExpression(f'invalid parameter "query": {error}') from None
    return tree


def _quoted(string: re.Match[str]) -> str:
    """A raw string as one with escapes: the parser takes escapes in raw ones for what they are not."""
    if not (raw := string[1]):
        return string[0]
    return '"' + raw.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def milliseconds(duration: timedelta | None) -> int:
    """Of a duration, 0 without one."""
    return 0 if duration is None else round(duration / timedelta(milliseconds=1))


def selector_of(node: nodes.VectorSelector) -> Selector:
    """The matchers of a selector, its name among them."""
    named = (Matcher(NAME, "=", node.name),) if node.name else ()
    groups: list[Any] = node.matchers.or_matchers or [node.matchers.matchers]
    return Selector(tuple(named + tuple(_matcher(each) for each in group) for group in groups))


def selectors_in(node: nodes.Expr) -> list[Selector]:
    """All selectors of an expression."""
    found: list[Selector] = []

    def visit(each: nodes.Expr) -> None:
        if isinstance(each, nodes.MatrixSelector):
            found.append(selector_of(each.vector_selector))
        elif isinstance(each, nodes.VectorSelector):
            found.append(selector_of(each))

    nodes.walk(node, visit)
    return found


def bare(node: Any) -> Any:
    """The expression within parentheses."""
    while isinstance(node, nodes.ParenExpr):
        node = node.expr
    return node


def token(node: Any) -> str:
    """The operator of a binary expression or an aggregation, as it is written."""
    return str(node.op)


def fixed_at(node: Any, bounds: Steps) -> int | None:
    """The instant that `@` fixes, unix milliseconds. bounds: start and end of the query. Raises BadExpression."""
    if node.at is None:
        return None
    kind = str(node.at.type).rpartition(".")[2]
    if kind == "At":
        moment = _moment(node.at)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return milliseconds(moment - _EPOCH)
    return bounds.start if kind == "Start" else bounds.end


def _moment(modifier: Any) -> datetime:
    try:
        moment: datetime = modifier.at
    except (OverflowError, ValueError):
        problem = 'invalid parameter "query": timestamp out of bounds for @ modifier: it is after the year 9999'
        raise BadExpression(problem) from None
    return moment


def _matcher(each: nodes.Matcher) -> Matcher:
    return Matcher(each.name, _MATCHES[str(each.op).rpartition(".")[2]], each.value)
