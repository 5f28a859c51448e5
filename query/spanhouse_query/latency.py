"""Latency over time: from the rollups where they know enough, from the spans themselves otherwise."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from spanhouse_query.config import MINUTE, SECOND
from spanhouse_query.endpoint import Call, Endpoint
from spanhouse_query.parameters import Duration, RangeParameters
from spanhouse_query.percentiles import (
    SKETCH_ERROR,
    SKETCH_FUNCTIONS,
    exact_percentiles,
    percentile_name,
    sketch_percentiles,
)
from spanhouse_query.reader import Meta
from spanhouse_query.red import red_rows, red_sampling, red_unit
from spanhouse_query.spans_where import (
    ENTRY,
    LONGEST,
    WEIGHT,
    SpanKind,
    SpansWhere,
    any_sampled,
    range_bounds,
    spans_where,
)
from spanhouse_query.steps import POINTS, whole_steps
from spanhouse_query.tiers import TierName
from spanhouse_query.time_range import TimeRange

_DURATION = f"least(duration, {LONGEST})"
GROUPS = {"service": "service", "operation": "name", "kind": "kind"}
_PERCENTILE = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,12})?")


def _percentile_list(value: Any) -> tuple[float, ...]:
    """`50,95,99.9`, each 0 to 100."""
    parts = [part.strip() for part in str(value).split(",")]
    percentiles = tuple(float(part) for part in parts if _PERCENTILE.fullmatch(part))
    if len(percentiles) != len(parts) or len(parts) > 10 or max(percentiles) > 100:
        raise PydanticCustomError("percentiles", "expected one to ten numbers from 0 to 100, separated by commas")
    return tuple(dict.fromkeys(percentiles))


def _group_list(value: Any) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(part.strip() for part in str(value).split(",") if part.strip()))
    if len(names) > 5:
        raise PydanticCustomError("group_by", "expected at most five names")
    return names


class LatencyParameters(RangeParameters):
    """Parameters of latency over time."""

    service: str | None = Field(None, description="Only spans of this service.")
    operation: str | None = Field(None, description="Only spans with this name.")
    kind: SpanKind | None = Field(None, description="Only spans of this kind.")
    q: str | None = Field(None, description="Only spans that satisfy this filter.")
    spans: Literal["entry", "all"] | None = Field(
        None,
        description="entry: only SERVER, CONSUMER and root spans. Default: entry, but all where operation, kind or q "
        "is given.",
    )
    step: Duration | None = Field(
        None,
        examples=["1m"],
        description=f"Length of a step; by default a round one that makes at most {POINTS} points.",
    )
    percentiles: Annotated[
        tuple[float, ...],
        BeforeValidator(_percentile_list),
        WithJsonSchema({"type": "string", "examples": ["50,95,99.9"]}),
    ] = Field("50,90,95,99", validate_default=True, description="Percentiles, separated by commas.")
    group_by: Annotated[
        tuple[str, ...], BeforeValidator(_group_list), WithJsonSchema({"type": "string", "examples": ["service,kind"]})
    ] = Field(
        "", validate_default=True, description="service, operation, kind or attributes of spans, separated by commas."
    )
    exact: Literal["true", "false"] = Field("false", description="true: from the spans themselves, at any cost.")
    limit: int = Field(50, ge=1, le=1000, description="Series at most: those with the most spans.")

    @property
    def entries_only(self) -> bool:
        """Whether only SERVER, CONSUMER and root spans count."""
        narrowed = self.operation is not None or self.kind is not None or self.q is not None
        return self.spans == "entry" or (self.spans is None and not narrowed)

    @property
    def names(self) -> dict[str, str | None]:
        """Conditions on service, operation and kind."""
        return {"service": self.service, "operation": self.operation, "kind": self.kind}

    @property
    def from_sketch(self) -> bool:
        """Whether the rollups can answer."""
        plain = self.q is None and self.exact == "false" and set(self.group_by) <= GROUPS.keys()
        return plain and (self.step is None or self.step % MINUTE == 0)


class Point(BaseModel):
    """One step; beside these it has a member for each percentile (p50, p99.9), null where n is 0."""

    model_config = ConfigDict(extra="allow", json_schema_extra={"additionalProperties": {"type": ["integer", "null"]}})

    t: str = Field(description="Start of the step, nanoseconds since 1970.")
    n: int = Field(description="How many stored spans the percentiles rest on.")
    requests: int = Field(
        description="Spans, each counted as often as its sampling says; without sampling the same as n."
    )
    errors: int
    max: int | None


class Series(BaseModel):
    """One group over time, one point a step, without gaps."""

    group: dict[str, str]
    n: int
    points: list[Point]


class LatencyAnswer(BaseModel):
    """Percentiles of durations in nanoseconds, over time; the series with the most spans first."""

    series: list[Series]
    step_ns: int
    error: float = Field(description="Bound of the relative error: 0 where computed from the spans themselves.")
    meta: Meta


def sketch_sql(parameters: LatencyParameters, quantiles: Sequence[float], red: str) -> str:
    """One row a series: its steps as (number, n, requests, errors, max, percentiles), from the subquery `red`."""
    conditions = [
        "true",
        *(["entry"] if parameters.entries_only else []),
        *(
            f"{column} = {{{column}:String}}"
            for column in ("service", "operation", "kind")
            if getattr(parameters, column)
        ),
    ]
    keys = [f"{name}::String" for name in parameters.group_by]
    percentiles = sketch_percentiles(
        quantiles, buckets="histogram", n="requests", smallest="smallest", largest="largest"
    )
    inner = f"""
    WITH {SKETCH_FUNCTIONS}
    SELECT keys, step, n, requests, errors, largest, {percentiles} AS percentiles
    FROM
    (
        SELECT
            {_array(keys)} AS keys,
            intDiv(toUnixTimestamp64Nano(r.start::DateTime64(9, 'UTC')) - {{from:Int64}}, {{step:Int64}}) AS step,
            sum(r.spans) AS n,
            sum(r.requests) AS requests,
            sum(r.errors) AS errors,
            least(min(duration_min), {LONGEST})::UInt64 AS smallest,
            least(max(duration_max), {LONGEST})::UInt64 AS largest,
            sumMap(buckets) AS histogram
        FROM ({red}
        ) AS r
        WHERE {" AND ".join(conditions)}
        GROUP BY keys, step
    )"""
    return _by_series(inner)


def exact_sql(
    parameters: LatencyParameters, where: SpansWhere, quantiles: Sequence[float], *, weighted: bool = False
) -> str:
    """The same from spans. weighted: whether some stand for more than themselves."""
    keys = [
        f"{GROUPS[name]}::String" if name in GROUPS else f"attributes[{{group_{number}:String}}]"
        for number, name in enumerate(parameters.group_by)
    ]
    entries = f" AND {ENTRY}" if parameters.entries_only else ""
    inner = f"""
    SELECT
        {_array(keys)} AS keys,
        intDiv(toUnixTimestamp64Nano(ts) - {{from:Int64}}, {{step:Int64}}) AS step,
        count() AS n,
        sum(adjusted_count) AS requests,
        sumIf(adjusted_count, status = 'error') AS errors,
        max({_DURATION})::UInt64 AS largest,
        {exact_percentiles(quantiles, _DURATION, weight=WEIGHT if weighted else None)} AS percentiles
    FROM spans
    WHERE {where.sql}{entries}
    GROUP BY keys, step"""
    return _by_series(inner)


async def latency(call: Call, parameters: LatencyParameters) -> LatencyAnswer:
    """The range is widened to whole steps, so that every point stands for a whole one."""
    found = await (_from_sketch if parameters.from_sketch else _from_spans)(call, parameters)
    shown = found.rows[: parameters.limit]
    names = [percentile_name(percentile) for percentile in parameters.percentiles]
    return LatencyAnswer(
        series=[_series(row, parameters.group_by, names, found.effective, found.step) for row in shown],
        step_ns=found.step,
        error=SKETCH_ERROR if parameters.from_sketch else 0.0,
        meta=await call.reader.meta(
            truncated=len(found.rows) > len(shown),
            effective=found.effective,
            tiers=found.tiers,
            kept_from=found.kept_from,
            sampling=red_sampling(found.rows),
        ),
    )


@dataclass(frozen=True, slots=True)
class _Found:
    """Series, in steps of nanoseconds over a range of whole ones; where from, and from when on."""

    rows: list[dict[str, Any]]
    effective: TimeRange
    step: int
    tiers: Sequence[TierName]
    kept_from: int | None = None


async def _from_sketch(call: Call, parameters: LatencyParameters) -> _Found:
    retention, now = call.settings.retention, call.reader.now
    least = red_unit(parameters.from_, retention, now)
    effective, step = whole_steps(parameters.range, parameters.step, least=least, multiple=least > MINUTE)
    red = red_rows(effective, retention, now, step=step)
    bound = {name: value for name, value in parameters.names.items() if value}
    rows = await call.reader.rows(
        sketch_sql(parameters, _quantiles(parameters), red.sql),
        {**red.parameters, **range_bounds(effective), **bound},
        step=step,
        series=parameters.limit + 1,
    )
    return _Found(rows, effective, step, red.tiers)


async def _from_spans(call: Call, parameters: LatencyParameters) -> _Found:
    effective, step = whole_steps(parameters.range, parameters.step, least=SECOND, multiple=False)
    where = await spans_where(call.reader, effective, error=None, **parameters.names, q=parameters.q)
    groups = {f"group_{number}": name for number, name in enumerate(parameters.group_by) if name not in GROUPS}
    weighted = await any_sampled(call.reader, where)
    rows = await call.reader.rows(
        exact_sql(parameters, where, _quantiles(parameters), weighted=weighted),
        {**where.parameters, **groups},
        step=step,
        series=parameters.limit + 1,
    )
    return _Found(rows, effective, step, ["raw"], call.spans_gone_before(effective.start))


def _quantiles(parameters: LatencyParameters) -> list[float]:
    return [percentile / 100 for percentile in parameters.percentiles]


def _array(expressions: Sequence[str]) -> str:
    return f"[{', '.join(expressions)}]::Array(String)"


def _by_series(inner: str) -> str:
    return f"""
SELECT
    keys,
    sum(n) AS spans,
    sum(s.requests) AS requests,
    groupArray((step, n, s.requests, s.errors, largest, percentiles)) AS steps
FROM ({inner}
) AS s
GROUP BY keys
ORDER BY requests DESC, keys
LIMIT {{series:UInt32}}
"""


def _series(
    row: dict[str, Any], group_by: Sequence[str], names: Sequence[str], effective: TimeRange, step: int
) -> Series:
    found = {number: rest for number, *rest in row["steps"]}
    empty = (0, 0, 0, None, [None] * len(names))
    points = []
    for number, start in enumerate(range(effective.start, effective.end, step)):
        n, requests, errors, largest, percentiles = found.get(number, empty)
        values = dict(zip(names, percentiles, strict=True))
        points.append(Point(t=str(start), n=n, requests=round(requests), errors=round(errors), max=largest, **values))
    return Series(group=dict(zip(group_by, row["keys"], strict=True)), n=row["spans"], points=points)


ENDPOINTS = [
    Endpoint(
        path="/api/v1/latency",
        handler=latency,
        summary="Latency percentiles over time",
        parameters=LatencyParameters,
        answer=LatencyAnswer,
    ),
]
