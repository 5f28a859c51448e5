"""What can be wrong with a query, with Prometheus' words for it."""

from __future__ import annotations

from typing import ClassVar


class QueryError(Exception):
    """A query that gets no result. kind: Prometheus' errorType."""

    kind: ClassVar[str] = "execution"
    status: ClassVar[int] = 422


class BadExpression(QueryError):
    """The expression, or a parameter, is not one."""

    kind = "bad_data"
    status = 400


class Unsupported(QueryError):
    """PromQL that this service does not know."""
