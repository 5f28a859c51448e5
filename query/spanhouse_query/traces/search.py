"""Finding traces: those with a span that satisfies every condition, as summaries, a page at a time."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field, model_validator
from pydantic_core import PydanticCustomError

from spanhouse_query.endpoint import Call, Endpoint
from spanhouse_query.parameters import Duration, RangeParameters
from spanhouse_query.reader import Meta, Reader
from spanhouse_query.spans_where import SpanKind, SpanStatus, SpansWhere, spans_where
from spanhouse_query.time_range import LATEST, UNITS, TimeRange
from spanhouse_query.traces.cursor import Place, digest_of, read_cursor, write_cursor
from spanhouse_query.traces.marked import CORRECTION, TRUNCATION, Marked, marked_spans

MOST = 1000
DAY = UNITS["d"]
_LAST_DAY = 65_535


class SearchParameters(RangeParameters):
    """Parameters of the search. A trace is found if one span in the time range satisfies all conditions on spans."""

    service: str | None = Field(None, description="Service of the span.")
    operation: str | None = Field(None, description="Name of the span.")
    kind: SpanKind | None = Field(None, description="Kind of the span.")
    status: SpanStatus | None = Field(None, description="Status of the span.")
    error: Literal["true", "false"] | None = Field(
        None, description="true: a span with the status error; false: a span with another status, unset or ok."
    )
    q: str | None = Field(
        None, description="Filter on the span; its `duration` is the span's own, unlike min_duration and max_duration."
    )
    min_duration: Duration | None = Field(
        None, description="Least duration of the whole trace; for a span's own, use `duration` in q."
    )
    max_duration: Duration | None = Field(
        None, description="Greatest duration of the whole trace; for a span's own, use `duration` in q."
    )
    sort: Literal["recent", "duration", "errors", "spans"] = Field(
        "recent", description="Greatest first: start, duration, number of errors or of spans of the trace."
    )
    limit: int = Field(20, ge=1, le=MOST, description="Traces on a page.")
    cursor: str | None = Field(
        None, description="`cursor` of the page before. The time range is then that page's; all else must be the same."
    )

    @model_validator(mode="after")
    def _one_status(self) -> SearchParameters:
        if None not in (self.error, self.status) and self.failed != (self.status == "error"):
            context = {"parameter": "status", "error": self.error}
            raise PydanticCustomError("status", "error={error} contradicts the status", context)
        return self

    @property
    def failed(self) -> bool | None:
        """What `error` asks for."""
        return None if self.error is None else self.error == "true"

    @property
    def digest(self) -> str:
        """Of everything that the next page must have in common with this one."""
        return digest_of(self.model_dump(exclude={"from_", "to", "limit", "cursor"}))


class TraceSummary(BaseModel):
    """What is known of a trace by now."""

    trace_id: str
    root_service: str
    root_operation: str
    root_missing: bool = Field(
        description="No span without a parent has arrived: the root named here is the earliest span."
    )
    start: str = Field(description="Start of its earliest span, nanoseconds since 1970.")
    duration_ns: int = Field(description="From the start of its earliest span to the latest end.")
    spans: int
    errors: int = Field(description="Spans with the status error.")
    services: list[str] = Field(description="By name.")
    corrected_spans: int = Field(description=CORRECTION)
    truncated_spans: int = Field(description=TRUNCATION)


class TracesAnswer(BaseModel):
    """One page of the traces found."""

    traces: list[TraceSummary]
    total: int = Field(description="How many traces were found, on all pages.")
    cursor: str | None = Field(description="For the next page; null on the last one.")
    meta: Meta


_SORT_VALUES = {"recent": "start", "duration": "duration", "errors": "errors", "spans": "spans"}

# A trace has one row a day it started spans on, and more until they are merged. A day of slack around the range finds
# the rest of traces that cross its ends. Days are counted from 1970: the engine's calendar wraps around at both ends.
_SUMMARY = """
    trace_id,
    toUnixTimestamp64Nano(min(first)) AS start,
    toUnixTimestamp64Nano(max(ended)) - start AS duration,
    sum(i.spans)::Int64 AS spans,
    sum(i.errors)::Int64 AS errors
"""
_DAYS = """
    tenant = {tenant:String}
    AND day BETWEEN toDate({first_day:UInt16}) AND toDate({last_day:UInt16})
"""

SUMMARIES_SQL = f"""
SELECT {_SUMMARY},
    lower(hex(trace_id)) AS id,
    toUnixTimestamp64Nano(max(last)) AS latest,
    min(root) AS root,
    arraySort(groupUniqArrayArray(services)) AS services
FROM trace_index AS i
WHERE {_DAYS} AND trace_id IN (SELECT toFixedString(unhex(arrayJoin({{ids:Array(String)}})), 16))
GROUP BY trace_id
"""


def page_sql(where: SpansWhere, sort: str) -> str:
    """One row: the number of traces found and the first of them after {{key}} and {{id}}, as (key, trace id)."""
    return f"""
SELECT
    count() AS total,
    arrayMap(place -> (place.1, lower(hex(place.2))), groupArraySortedIf({MOST + 1})(
        (key, trace_id), (key, trace_id) > ({{key:Int64}}, unhex({{id:String}})::FixedString(16)))) AS page
FROM
(
    SELECT {_SUMMARY}, -{_SORT_VALUES[sort]} AS key
    FROM trace_index AS i
    WHERE {_DAYS} AND trace_id IN (SELECT trace_id FROM spans WHERE {where.sql})
    GROUP BY trace_id
    HAVING duration >= {{min_duration:Int64}} AND duration <= {{max_duration:Int64}}
)
"""


async def search(call: Call, parameters: SearchParameters) -> TracesAnswer:
    """A page of traces and where the next one begins."""
    time_range, place = parameters.range, Place(-LATEST, "0" * 32)
    if parameters.cursor is not None:
        time_range, place = read_cursor(parameters.cursor, parameters.digest)
    total, places = await _page(call.reader, parameters, time_range, place)
    shown = places[: parameters.limit]
    more = len(places) > parameters.limit
    return TracesAnswer(
        traces=await _summaries(call.reader, time_range, [found.trace_id for found in shown]),
        total=total,
        cursor=write_cursor(time_range, shown[-1], parameters.digest) if more else None,
        meta=await call.reader.meta(kept_from=call.spans_gone_before(time_range.start)),
    )


async def _page(
    reader: Reader, parameters: SearchParameters, time_range: TimeRange, place: Place
) -> tuple[int, list[Place]]:
    where = await spans_where(
        reader,
        time_range,
        service=parameters.service,
        operation=parameters.operation,
        kind=parameters.kind,
        status=parameters.status,
        error=parameters.failed,
        q=parameters.q,
    )
    (row,) = await reader.rows(
        page_sql(where, parameters.sort),
        {**where.parameters, **_days(time_range)},
        key=place.key,
        id=place.trace_id,
        min_duration=parameters.min_duration or 0,
        max_duration=LATEST if parameters.max_duration is None else parameters.max_duration,
    )
    return row["total"], [Place(key, trace_id) for key, trace_id in row["page"]]


async def _summaries(reader: Reader, time_range: TimeRange, ids: list[str]) -> list[TraceSummary]:
    """In the order of `ids`."""
    if not ids:
        return []
    rows = await reader.rows(SUMMARIES_SQL, _days(time_range), ids=ids)
    first, last = min(row["start"] for row in rows), max(row["latest"] for row in rows)
    marked = await marked_spans(reader, ids, first=first, last=last)
    by_id = {row["id"]: row for row in rows}
    return [_summary(trace_id, by_id[trace_id], marked.get(trace_id, Marked())) for trace_id in ids]


def _days(time_range: TimeRange) -> dict[str, int]:
    """Days since 1970 in which the index is read."""
    return {
        "first_day": max(0, time_range.start // DAY - 1),
        "last_day": min(_LAST_DAY, time_range.end // DAY + 1),
    }


def _summary(trace_id: str, row: dict[str, Any], marked: Marked) -> TraceSummary:
    root = row["root"]
    return TraceSummary(
        trace_id=trace_id,
        root_service=root["service"],
        root_operation=root["operation"],
        root_missing=bool(root["missing"]),
        start=str(row["start"]),
        duration_ns=row["duration"],
        spans=row["spans"],
        errors=row["errors"],
        services=row["services"],
        corrected_spans=marked.corrected,
        truncated_spans=marked.truncated,
    )


ENDPOINTS = [
    Endpoint(
        path="/api/v1/traces",
        handler=search,
        summary="Search of traces",
        parameters=SearchParameters,
        answer=TracesAnswer,
    ),
]
