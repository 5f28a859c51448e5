"""Conditions on spans that come as parameters: a time range, service, operation, kind, status and `q`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from spanhouse_query.filters.condition import filter_condition
from spanhouse_query.reader import Reader
from spanhouse_query.time_range import TimeRange

SpanKind = Literal["unspecified", "internal", "server", "client", "producer", "consumer"]
SpanStatus = Literal["unset", "ok", "error"]

IN_RANGE = (
    "tenant = {tenant:String} AND ts >= fromUnixTimestamp64Nano({from:Int64}, 'UTC')"
    " AND ts < fromUnixTimestamp64Nano({to:Int64}, 'UTC')"
)
# Durations count for 30 days at most: a span without a sensible end must not outweigh all the others.
LONGEST = 30 * 86_400 * 10**9
ENTRY = "(kind IN ('server', 'consumer') OR parent_span_id = toFixedString('', 8))"


# How many spans one stands for, as the whole number that weighted percentiles take (docs/adr/0009).
WEIGHT = "round(adjusted_count)::UInt64"


@dataclass(frozen=True, slots=True)
class SpansWhere:
    """A WHERE clause on `spans`, and the values of its {parameters} but {tenant}."""

    sql: str
    parameters: dict[str, Any]


def range_bounds(time_range: TimeRange) -> dict[str, int]:
    """Values of the parameters of IN_RANGE."""
    return {"from": time_range.start, "to": time_range.end}


async def spans_where(
    reader: Reader,
    time_range: TimeRange,
    *,
    service: str | None = None,
    operation: str | None = None,
    kind: str | None = None,
    status: str | None = None,
    error: bool | None = None,
    q: str | None = None,
) -> SpansWhere:
    """Spans that start in the range and satisfy all of the conditions given. Raises Problem for a faulty `q`."""
    columns = {"service": service, "name": operation, "kind": kind, "status": status}
    given = {column: value for column, value in columns.items() if value is not None}
    conditions = [IN_RANGE, *(f"{column} = {{{column}:String}}" for column in given)]
    if error is not None:
        conditions.append("status = 'error'" if error else "status != 'error'")
    parameters: dict[str, Any] = {**range_bounds(time_range), **given}
    if q is not None and q.strip():
        condition = await filter_condition(reader, q)
        conditions.append(condition.sql)
        parameters.update(condition.parameters)
    return SpansWhere(" AND ".join(conditions), parameters)


async def any_sampled(reader: Reader, where: SpansWhere) -> bool:
    """Whether any of the spans stands for more than itself."""
    sql = f"SELECT 1 AS sampled FROM spans WHERE adjusted_count > 1 AND {where.sql} LIMIT 1"
    return bool(await reader.rows(sql, where.parameters))
