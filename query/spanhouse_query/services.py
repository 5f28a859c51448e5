"""Services and their operations: requests, errors and latency from red_1m."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from spanhouse_query.config import MINUTE
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
_RANGE = (
    "tenant = {tenant:String} AND minute >= fromUnixTimestamp64Nano({from:Int64}, 'UTC')"
    " AND minute < fromUnixTimestamp64Nano({to:Int64}, 'UTC')"
)

SERVICES_SQL = f"""
WITH {SKETCH_FUNCTIONS}
SELECT
    service, requests, errors, largest, {_LATENCY} AS percentiles, first_seen, last_seen,
    values_within({{t:UInt64}}, histogram) AS satisfied,
    values_within({{t:UInt64}} * 4, histogram) AS satisfied_or_tolerated,
    arrayMap(i -> steps[i::UInt32], range({{points:UInt32}})) AS sparkline
FROM
(
    SELECT
        service,
        sumIf(r.requests, entry) AS requests,
        sumIf(r.errors, entry) AS errors,
        sumIf(duration_sum, entry) AS impact,
        least(minIf(duration_min, entry), {LONGEST})::UInt64 AS smallest,
        least(maxIf(duration_max, entry), {LONGEST})::UInt64 AS largest,
        sumMapIf(buckets, entry) AS histogram,
        sumMapIf(
            map(intDiv(toUnixTimestamp(minute) - {{from_s:UInt32}}, {{step_s:UInt32}})::UInt32, r.requests), entry
        ) AS steps,
        toUnixTimestamp64Milli(min(r.first_seen)) AS first_seen,
        toUnixTimestamp64Milli(max(r.last_seen)) AS last_seen
    FROM red_1m AS r
    WHERE {_RANGE}
    GROUP BY service
)
ORDER BY impact DESC, service
"""

OPERATIONS_SQL = f"""
WITH {SKETCH_FUNCTIONS}
SELECT operation, kind, requests, errors, largest, {_LATENCY} AS percentiles
FROM
(
    SELECT
        operation,
        kind::String AS kind,
        sum(r.requests) AS requests,
        sum(r.errors) AS errors,
        sum(duration_sum) AS impact,
        least(min(duration_min), {LONGEST})::UInt64 AS smallest,
        least(max(duration_max), {LONGEST})::UInt64 AS largest,
        sumMap(buckets) AS histogram
    FROM red_1m AS r
    WHERE {_RANGE} AND service = {{service:String}}
    GROUP BY operation, kind
)
ORDER BY impact DESC, operation, kind
"""


async def services(call: Call, parameters: ServicesParameters) -> ServicesAnswer:
    """Every service with spans in the range."""
    effective = parameters.range.aligned(MINUTE)
    step = _sparkline_step(effective)
    points = -(-(effective.end - effective.start) // step)
    rows = await call.reader.rows(
        SERVICES_SQL,
        _bounds(effective),
        t=parameters.apdex_t,
        from_s=effective.start // 10**9,
        step_s=step // 10**9,
        points=points,
    )
    seconds = effective.seconds_until(call.reader.now)
    found = [_service(row, effective, step, seconds) for row in rows]
    return ServicesAnswer(services=found, meta=await call.reader.meta(effective=effective, tier="minute"))


async def operations(call: Call, parameters: OperationsParameters) -> OperationsAnswer:
    """The operations of one service; none where it has no spans in the range."""
    effective = parameters.range.aligned(MINUTE)
    rows = await call.reader.rows(OPERATIONS_SQL, _bounds(effective), service=parameters.service)
    seconds = effective.seconds_until(call.reader.now)
    found = [Operation(operation=row["operation"], kind=row["kind"], **_numbers(row, seconds)) for row in rows]
    return OperationsAnswer(operations=found, meta=await call.reader.meta(effective=effective, tier="minute"))


def _bounds(effective: TimeRange) -> dict[str, int]:
    return {"from": effective.start, "to": effective.end}


def _sparkline_step(effective: TimeRange) -> int:
    """Whole minutes, so that there are at most SPARKLINE_POINTS of them."""
    minutes = (effective.end - effective.start) // MINUTE
    return -(-minutes // SPARKLINE_POINTS) * MINUTE


def _numbers(row: dict[str, Any], seconds: float) -> dict[str, Any]:
    requests, errors = row["requests"], row["errors"]
    return {
        "requests": requests,
        "errors": errors,
        "rate": requests / seconds,
        "error_ratio": errors / requests if requests else 0.0,
        "latency_ns": latency_answer(row["percentiles"], requests, row["largest"], SKETCH_ERROR),
    }


def _service(row: dict[str, Any], effective: TimeRange, step: int, seconds: float) -> Service:
    satisfied, tolerated = row["satisfied"], row["satisfied_or_tolerated"] - row["satisfied"]
    return Service(
        service=row["service"],
        apdex=(satisfied + tolerated / 2) / row["requests"] if row["requests"] else None,
        first_seen=str(row["first_seen"] * 1_000_000),
        last_seen=str(row["last_seen"] * 1_000_000),
        sparkline=Sparkline(start=str(effective.start), step_ns=step, requests=row["sparkline"]),
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
