"""One number for each group of series, over the whole of a range."""

from __future__ import annotations

from pydantic import BaseModel, Field

from spanhouse_query.endpoint import Call, Endpoint
from spanhouse_query.metric_queries.parameters import ComparedParameters
from spanhouse_query.metric_queries.previous import Compared, beside
from spanhouse_query.metric_queries.shown import AskedMetric, Number, asked_metric, shown_cell
from spanhouse_query.metric_queries.windows import MILLISECOND, Windows
from spanhouse_query.reader import Meta, RangeAnswer, range_answer
from spanhouse_query.time_range import TimeRange
from spanhouse_query.trends import Verdict, relative_change, verdict_of_change


class QueryParameters(ComparedParameters):
    """Parameters of a number a group."""

    threshold: float = Field(
        0.05, ge=0, le=1, description="With compare: up to which relative change the verdict is stable."
    )


class GroupValue(BaseModel):
    """One group."""

    group: dict[str, str | None] = Field(description="Null where its series have no such attribute.")
    value: Number | None = Field(description="Null where there is none in the range.")
    low: Number | None = Field(
        description="Of percentiles and extremes of histograms: what bounds the observation, as far as it is known."
    )
    high: Number | None
    previous: Number | None = Field(description="The value of the earlier range; null without compare.")
    change: Number | None = Field(description="Relative to the earlier value: 0.05 for 5 % more; null from 0.")
    verdict: Verdict | None = Field(description="Of the change; null where there is none.")


class MetricsQueryAnswer(BaseModel):
    """Groups, those with the greatest values first."""

    metric: AskedMetric
    groups: list[GroupValue]
    compared_with: RangeAnswer | None = Field(description="The earlier range; null without compare.")
    meta: Meta


async def metrics_query(call: Call, parameters: QueryParameters) -> MetricsQueryAnswer:
    """The range is one step: what increases are counted over, and what percentiles are of."""
    windows = Windows.single(parameters.range, call.reader.now)
    earlier = (parameters.compare or 0) // MILLISECOND
    query = await parameters.query(call, windows.earlier(earlier))
    before = await query.answer(windows.earlier(earlier)) if earlier else None
    found = beside(await query.answer(windows), before)
    names = parameters.group_by.names
    return MetricsQueryAnswer(
        metric=asked_metric(query.metric, query.plan),
        groups=[_value(found, row, names, parameters.threshold) for row in range(len(found.groups))],
        compared_with=range_answer(shifted(parameters.range, parameters.compare)) if parameters.compare else None,
        meta=await call.reader.meta(truncated=found.truncated),
    )


def shifted(time_range: TimeRange, by: int) -> TimeRange:
    """The range so many nanoseconds earlier."""
    return TimeRange(max(0, time_range.start - by), max(0, time_range.end - by))


def _value(found: Compared, row: int, names: list[str], threshold: float) -> GroupValue:
    value, previous = shown_cell(found.now, row, 0), shown_cell(found.before, row, 0)
    both = (previous, value) if isinstance(previous, float) and isinstance(value, float) else None
    return GroupValue(
        group=dict(zip(names, found.groups[row], strict=True)),
        value=value,
        low=shown_cell(found.low, row, 0),
        high=shown_cell(found.high, row, 0),
        previous=previous,
        change=relative_change(*both) if both else None,
        verdict=verdict_of_change(*both, threshold) if both else None,
    )


ENDPOINTS = [
    Endpoint(
        path="/api/v1/metrics/query",
        handler=metrics_query,
        summary="One number for each group of a metric's series",
        parameters=QueryParameters,
        answer=MetricsQueryAnswer,
        problems=(404,),
    ),
]
