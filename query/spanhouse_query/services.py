"""Services and their operations: requests, errors and latency from the rollups."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from spanhouse_query.config import DAY, HOUR, MINUTE, SECOND
from spanhouse_query.endpoint import Call, Endpoint
from spanhouse_query.parameters import Duration, RangeParameters
from spanhouse_query.percentiles import (
    SKETCH_ERROR,
    SKETCH_FUNCTIONS,
    STANDARD,
    Latency,
    latency_answer,
    sketch_percentiles,
)
from spanhouse_query.reader import Meta
from spanhouse_query.red import Red, red_rows, red_sampling
from spanhouse_query.spans_where import LONGEST, SpanKind
from spanhouse_query.time_range import TimeRange

SPARKLINE_POINTS = 30


class ServicesParameters(RangeParameters):
    """Parameters of the list of services."""

    apdex_t: Duration = Field(
        "500ms",
        validate_default=True,
        description="Apdex threshold: up to it a request satisfies, up to 4 times it is tolerated.",
    )


class OperationsParameters(RangeParameters):
    """Parameters of the list of a service's operations."""

    service: str = Field(description="Name of the service.")


class RequestNumbers(BaseModel):
    """Rate, errors and duration of a set of spans."""

    requests: int
    errors: int
    rate: float = Field(description="Requests per second of that part of the effective range which has passed by now.")
    error_ratio: float = Field(description="Errors by requests, 0 to 1; 0 without requests.")
    latency_ns: Latency


class Sparkline(BaseModel):
    """Requests over time."""

    start: str = Field(description="Start of the first step, nanoseconds since 1970.")
    step_ns: int
    requests: list[int]


class Service(RequestNumbers):
    """One service. Requests are what it was asked for: its SERVER, CONSUMER and root spans."""

    service: str
    apdex: float | None = Field(description="(satisfied + tolerated / 2) / requests; null without requests.")
    first_seen: str = Field(description="Start of its first span in the range, of any kind, nanoseconds since 1970.")
    last_seen: str
    sparkline: Sparkline


class ServicesAnswer(BaseModel):
    """Services with spans in the range, by impact: the one that worked longest for its requests first."""

    services: list[Service]
    meta: Meta


class Operation(RequestNumbers):
    """One operation: the spans of one name and kind."""

    operation: str
    kind: SpanKind


class OperationsAnswer(BaseModel):
    """Operations of a service, by impact."""

    operations: list[Operation]
    meta: Meta


_LATENCY = sketch_percentiles(STANDARD, buckets="histogram", n="requests", smallest="smallest", largest="largest")


def services_sql(red: str) -> str:
    """One row a service, from the subquery `red` (see `Red`)."""
    return f"""
WITH {SKETCH_FUNCTIONS}
SELECT
    service, spans, requests, errors, largest, {_LATENCY} AS percentiles, first_seen, last_seen,
    values_within({{t:UInt64}}, histogram) AS satisfied,
    values_within({{t:UInt64}} * 4, histogram) AS satisfied_or_tolerated,
    arrayMap(i -> round(steps[i::UInt32])::UInt64, range({{points:UInt32}})) AS sparkline
FROM
(
    SELECT
        service,
        sumIf(r.spans, entry) AS spans,
        sumIf(r.requests, entry) AS requests,
        sumIf(r.errors, entry) AS errors,
        sumIf(duration_sum, entry) AS impact,
        least(minIf(duration_min, entry), {LONGEST})::UInt64 AS smallest,
        least(maxIf(duration_max, entry), {LONGEST})::UInt64 AS largest,
        sumMapIf(buckets, entry) AS histogram,
        sumMapIf(
            map(intDiv(toUnixTimestamp(r.start) - {{from_s:UInt32}}, {{step_s:UInt32}})::UInt32, r.requests), entry
        ) AS steps,
        toUnixTimestamp64Milli(min(r.first_seen)) AS first_seen,
        toUnixTimestamp64Milli(max(r.last_seen)) AS last_seen
    FROM ({red}
    ) AS r
    GROUP BY service
)
ORDER BY impact DESC, service
"""


def operations_sql(red: str) -> str:
    """One row an operation of {{service}}, from the subquery `red` (see `Red`)."""
    return f"""
WITH {SKETCH_FUNCTIONS}
SELECT operation, kind, spans, requests, errors, largest, {_LATENCY} AS percentiles
FROM
(
    SELECT
        operation,
        kind::String AS kind,
        sum(r.spans) AS spans,
        sum(r.requests) AS requests,
        sum(r.errors) AS errors,
        sum(duration_sum) AS impact,
        least(min(duration_min), {LONGEST})::UInt64 AS smallest,
        least(max(duration_max), {LONGEST})::UInt64 AS largest,
        sumMap(buckets) AS histogram
    FROM ({red}
    ) AS r
    WHERE r.service = {{service:String}}
    GROUP BY operation, kind
)
ORDER BY impact DESC, operation, kind
"""


async def services(call: Call, parameters: ServicesParameters) -> ServicesAnswer:
    """Every service with spans in the range."""
    red = _red(call, parameters.range, step=_sparkline_unit(parameters.range))
    start, step, points = _sparkline(red.effective)
    rows = await call.reader.rows(
        services_sql(red.sql),
        red.parameters,
        t=parameters.apdex_t,
        from_s=start // SECOND,
        step_s=step // SECOND,
        points=points,
    )
    seconds = red.effective.seconds_until(call.reader.now)
    found = [_service(row, start, step, seconds) for row in rows]
    return ServicesAnswer(services=found, meta=await _meta(call, red, rows))


async def operations(call: Call, parameters: OperationsParameters) -> OperationsAnswer:
    """The operations of one service; none where it has no spans in the range."""
    red = _red(call, parameters.range)
    rows = await call.reader.rows(operations_sql(red.sql), red.parameters, service=parameters.service)
    seconds = red.effective.seconds_until(call.reader.now)
    found = [Operation(operation=row["operation"], kind=row["kind"], **_numbers(row, seconds)) for row in rows]
    return OperationsAnswer(operations=found, meta=await _meta(call, red, rows))


def _red(call: Call, wanted: TimeRange, step: int | None = None) -> Red:
    return red_rows(wanted, call.settings.retention, call.reader.now, step=step)


async def _meta(call: Call, red: Red, rows: list[dict[str, Any]]) -> Meta:
    return await call.reader.meta(effective=red.effective, tiers=red.tiers, sampling=red_sampling(rows))


def _sparkline_unit(wanted: TimeRange) -> int:
    """What its steps are multiples of: the longest unit of which the range has half as many as there are points."""
    length = wanted.end - wanted.start
    return next((unit for unit in (DAY, HOUR) if length >= unit * SPARKLINE_POINTS // 2), MINUTE)


def _sparkline(effective: TimeRange) -> tuple[int, int, int]:
    """Where it starts, its step and how many points it has; the first step may begin before the range."""
    unit = _sparkline_unit(effective)
    start = effective.start // unit * unit
    units = -(-(effective.end - start) // unit)
    step = -(-units // SPARKLINE_POINTS) * unit
    return start, step, -(-(effective.end - start) // step)


def _numbers(row: dict[str, Any], seconds: float) -> dict[str, Any]:
    requests, errors = row["requests"], row["errors"]
    return {
        "requests": round(requests),
        "errors": round(errors),
        "rate": requests / seconds,
        "error_ratio": errors / requests if requests else 0.0,
        "latency_ns": latency_answer(row["percentiles"], row["spans"], row["largest"], SKETCH_ERROR),
    }


def _service(row: dict[str, Any], start: int, step: int, seconds: float) -> Service:
    satisfied, tolerated = row["satisfied"], row["satisfied_or_tolerated"] - row["satisfied"]
    return Service(
        service=row["service"],
        apdex=(satisfied + tolerated / 2) / row["requests"] if row["requests"] else None,
        first_seen=str(row["first_seen"] * 1_000_000),
        last_seen=str(row["last_seen"] * 1_000_000),
        sparkline=Sparkline(start=str(start), step_ns=step, requests=row["sparkline"]),
        **_numbers(row, seconds),
    )


ENDPOINTS = [
    Endpoint(
        path="/api/v1/services",
        handler=services,
        summary="Services with requests, errors and latency",
        parameters=ServicesParameters,
        answer=ServicesAnswer,
    ),
    Endpoint(
        path="/api/v1/services/{service:path}/operations",
        handler=operations,
        summary="Operations of a service with requests, errors and latency",
        parameters=OperationsParameters,
        answer=OperationsAnswer,
    ),
]
