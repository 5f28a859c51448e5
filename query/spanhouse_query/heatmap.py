"""Latency as a heat map: how many spans took how long, over time, from the rollups."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Literal

from pydantic import BaseModel, Field

from spanhouse_query.config import SECOND
from spanhouse_query.endpoint import Call, Endpoint
from spanhouse_query.parameters import Duration, RangeParameters
from spanhouse_query.reader import Meta
from spanhouse_query.red import red_rows, red_sampling, red_unit
from spanhouse_query.spans_where import ENTRY, SpanKind, SpansWhere, spans_where
from spanhouse_query.steps import POINTS, whole_steps
from spanhouse_query.time_range import TimeRange

STORED_SCALE = 5
_ZEROS = -32768
_NONE: Counter[int] = Counter()


class HeatmapParameters(RangeParameters):
    """Parameters of the heat map."""

    service: str | None = Field(None, description="Only spans of this service.")
    operation: str | None = Field(None, description="Only spans with this name.")
    kind: SpanKind | None = Field(None, description="Only spans of this kind.")
    spans: Literal["entry", "all"] | None = Field(
        None,
        description="entry: only SERVER, CONSUMER and root spans. Default: entry, but all where operation or kind is "
        "given.",
    )
    step: Duration | None = Field(
        None,
        examples=["1m"],
        description=f"Length of a step, whole minutes; by default a round one that makes at most {POINTS} of them.",
    )
    scale: int = Field(
        2,
        ge=0,
        le=STORED_SCALE,
        description="Height of the rows: 2 to the power of it fit between a duration and its double.",
    )
    exemplars: Literal["true", "false"] = Field("true", description="Whether to look for a trace for each row.")

    @property
    def entries_only(self) -> bool:
        """Whether only SERVER, CONSUMER and root spans count."""
        return self.spans == "entry" or (self.spans is None and self.operation is None and self.kind is None)


class HeatmapRow(BaseModel):
    """A range of durations in nanoseconds: more than `above_ns`, up to `up_to_ns`. The row of zeros has both zero."""

    above_ns: float
    up_to_ns: float
    n: int
    exemplar: str | None = Field(description="Id of the latest trace with such a span; null where none is looked for.")


class HeatmapColumn(BaseModel):
    """A step of time."""

    t: str = Field(description="Start of the step, nanoseconds since 1970.")
    counts: list[int] = Field(description="Spans by row, in the order of the rows.")


class HeatmapAnswer(BaseModel):
    """Counts of spans by duration and time; exact, because they are those of the stored histogram's buckets.

    Sampled spans count as often as they stand for.
    """

    rows: list[HeatmapRow] = Field(description="Without gaps from the shortest duration to the longest.")
    columns: list[HeatmapColumn]
    step_ns: int
    scale: int
    meta: Meta


def heatmap_sql(parameters: HeatmapParameters, red: str) -> str:
    """One row a step with spans: its histogram, from the subquery `red` (see `Red`)."""
    columns = [name for name in ("service", "operation", "kind") if getattr(parameters, name) is not None]
    conditions = [
        *(["entry"] if parameters.entries_only else []),
        *(f"{name} = {{{name}:String}}" for name in columns),
    ]
    return f"""
SELECT
    intDiv(toUnixTimestamp(r.start) - {{since:Int64}}, {{step:Int64}}) AS number,
    sum(r.spans) AS spans,
    sum(r.requests) AS requests,
    sumMap(r.buckets) AS histogram
FROM ({red}
) AS r
WHERE {" AND ".join(conditions) or "true"}
GROUP BY number
ORDER BY number
"""


def exemplars_sql(where: SpansWhere, *, entries_only: bool) -> str:
    """One row a bucket: its latest trace."""
    entries = f" AND {ENTRY}" if entries_only else ""
    return f"""
SELECT
    if(duration = 0, {_ZEROS}, floor((ceil(log2(duration) * 32) - 1) / {{width:UInt8}}))::Int32 AS bucket,
    lower(hex(argMax(trace_id, (ts, trace_id)))) AS trace
FROM spans
WHERE {where.sql}{entries}
GROUP BY bucket
"""


async def heatmap(call: Call, parameters: HeatmapParameters) -> HeatmapAnswer:
    """The range is widened to whole steps."""
    least = red_unit(parameters.from_, call.settings.retention, call.reader.now)
    effective, step = whole_steps(parameters.range, parameters.step, least=least, multiple=True)
    red = red_rows(effective, call.settings.retention, call.reader.now, step=step)
    given = {"service": parameters.service, "operation": parameters.operation, "kind": parameters.kind}
    found = await call.reader.rows(
        heatmap_sql(parameters, red.sql),
        {**red.parameters, **{name: value for name, value in given.items() if value is not None}},
        since=effective.start // SECOND,
        step=step // SECOND,
    )
    steps = {row["number"]: coarser(row["histogram"], parameters.scale) for row in found}
    traces = await _exemplars(call, parameters, effective) if parameters.exemplars == "true" and steps else {}
    buckets = _without_gaps(bucket for histogram in steps.values() for bucket in histogram)
    totals: Counter[int] = sum(steps.values(), Counter())
    return HeatmapAnswer(
        rows=[_row(bucket, parameters.scale, totals[bucket], traces.get(bucket)) for bucket in buckets],
        columns=[
            HeatmapColumn(t=str(start), counts=[steps.get(number, _NONE)[bucket] for bucket in buckets])
            for number, start in enumerate(range(effective.start, effective.end, step))
        ],
        step_ns=step,
        scale=parameters.scale,
        meta=await call.reader.meta(effective=effective, tiers=red.tiers, sampling=red_sampling(found)),
    )


def coarser(histogram: Mapping[int, float], scale: int) -> Counter[int]:
    """A histogram of scale 5, rounded, with its buckets merged to those of a smaller scale, which never split one."""
    merged: defaultdict[int, float] = defaultdict(float)
    for bucket, count in histogram.items():
        merged[bucket if bucket == _ZEROS else bucket >> (STORED_SCALE - scale)] += count
    return Counter({bucket: round(count) for bucket, count in merged.items()})


async def _exemplars(call: Call, parameters: HeatmapParameters, effective: TimeRange) -> dict[int, str]:
    where = await spans_where(
        call.reader, effective, service=parameters.service, operation=parameters.operation, kind=parameters.kind
    )
    sql = exemplars_sql(where, entries_only=parameters.entries_only)
    width = 1 << (STORED_SCALE - parameters.scale)
    return {row["bucket"]: row["trace"] for row in await call.reader.rows(sql, where.parameters, width=width)}


def _without_gaps(buckets: Iterable[int]) -> list[int]:
    present = set(buckets)
    zeros = [_ZEROS] if _ZEROS in present else []
    others = present - {_ZEROS}
    return [*zeros, *(range(min(others), max(others) + 1) if others else ())]


def _row(bucket: int, scale: int, n: int, exemplar: str | None) -> HeatmapRow:
    if bucket == _ZEROS:
        return HeatmapRow(above_ns=0, up_to_ns=0, n=n, exemplar=exemplar)
    per_octave = 1 << scale
    return HeatmapRow(
        above_ns=2 ** (bucket / per_octave), up_to_ns=2 ** ((bucket + 1) / per_octave), n=n, exemplar=exemplar
    )


ENDPOINTS = [
    Endpoint(
        path="/api/v1/latency/heatmap",
        handler=heatmap,
        summary="How many spans took how long, over time",
        parameters=HeatmapParameters,
        answer=HeatmapAnswer,
    ),
]
