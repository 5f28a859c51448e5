"""Expressions over HTTP: at an instant, over a range, written in another way, and the exemplars of their series."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

import anyio
import promql_parser as nodes
from anyio.lowlevel import checkpoint_if_cancelled

from spanhouse_query.endpoint import Call
from spanhouse_query.promql.answers import instant_answer, range_answer, raw_answer
from spanhouse_query.promql.errors import BadExpression
from spanhouse_query.promql.evaluator import Evaluator
from spanhouse_query.promql.leaves import LOOKBACK, Leaves
from spanhouse_query.promql.parameters import (
    FormatParameters,
    QueryParameters,
    RangeQueryParameters,
    duration,
    instant,
    steps,
)
from spanhouse_query.promql.threaded import Asking, in_thread
from spanhouse_query.promql.tree import bare, parse
from spanhouse_query.promql.values import Scalar, Text
from spanhouse_query.series import Matrix, Steps
from spanhouse_query.series.stored.matching import groups
from spanhouse_query.span_metrics import metrics_of


async def query(call: Call, parameters: QueryParameters) -> dict[str, Any]:
    """The value at an instant."""
    at = Steps.at(instant("time", parameters.time, call.reader.now // 1_000_000))
    tree = parse(parameters.query)

    def evaluate(ask: Asking) -> dict[str, Any]:
        evaluator = Evaluator(_leaves(call, ask, parameters.lookback_delta), at)
        node = bare(tree)
        if isinstance(node, nodes.MatrixSelector | nodes.SubqueryExpr):
            return raw_answer(evaluator.raw(node, at))
        return instant_answer(evaluator.value(tree, at), at)

    return _limited(await _evaluated(evaluate, parameters.timeout), parameters.limit)


async def query_range(call: Call, parameters: RangeQueryParameters) -> dict[str, Any]:
    """The values at steps."""
    grid = steps(parameters)
    tree = parse(parameters.query)
    if isinstance(bare(tree), nodes.MatrixSelector | nodes.SubqueryExpr | nodes.StringLiteral):
        kind = "string" if isinstance(bare(tree), nodes.StringLiteral) else "range vector"
        raise BadExpression(
            f'invalid parameter "query": invalid expression type "{kind}" for range query, '
            "must be Scalar or instant Vector"
        )

    def evaluate(ask: Asking) -> dict[str, Any]:
        value = Evaluator(_leaves(call, ask, parameters.lookback_delta), grid).value(tree, grid)
        assert not isinstance(value, Text)  # noqa: S101
        return range_answer(Matrix.of_scalar(value.values) if isinstance(value, Scalar) else value, grid)

    return _limited(await _evaluated(evaluate, parameters.timeout), parameters.limit)


async def format_query(call: Call, parameters: FormatParameters) -> str:
    """The expression as its parser would write it."""
    return parse(parameters.query).prettify()


def _leaves(call: Call, ask: Asking, lookback: str) -> Leaves:
    window = duration("lookback_delta", lookback, LOOKBACK)
    if window <= 0:
        raise BadExpression('invalid parameter "lookback_delta": it must be longer than 0')
    return Leaves(metrics_of(call), partial(groups, call.reader), ask, window)


async def _evaluated(evaluate: Callable[[Asking], dict[str, Any]], longest: str) -> dict[str, Any]:
    """Raises TimeoutError where it takes longer than that."""
    with _within(duration("timeout", longest, 0)):
        answer = await in_thread(evaluate)
        await checkpoint_if_cancelled()  # a thread cannot be: it may have ended too late
    return answer


def _within(milliseconds: int) -> AbstractContextManager[object]:
    return anyio.fail_after(milliseconds / 1000) if milliseconds > 0 else nullcontext()


def _limited(answer: dict[str, Any], limit: int) -> dict[str, Any]:
    if limit and answer["resultType"] in ("vector", "matrix"):
        answer["result"] = answer["result"][:limit]
    return answer
