"""Numbers of groups of series over time."""

from __future__ import annotations

from pydantic import BaseModel, Field

from spanhouse_query.endpoint import Call, Endpoint
from spanhouse_query.metric_queries.parameters import ComparedParameters, PointsParameters
from spanhouse_query.metric_queries.points import Smoothing
from spanhouse_query.metric_queries.previous import Compared, beside
from spanhouse_query.metric_queries.query import shifted
from spanhouse_query.metric_queries.shown import AskedMetric, Number, asked_metric, shown_cell
from spanhouse_query.metric_queries.windows import MILLISECOND, Windows
from spanhouse_query.reader import Meta, RangeAnswer, range_answer


class QueryRangeParameters(PointsParameters, ComparedParameters):
    """Parameters of series of points."""


class MetricPoint(BaseModel):
    """One step."""

    t: str = Field(description="Start of the step, nanoseconds since 1970.")
    value: Number | None = Field(description="Null where there is none in the step.")
    low: Number | None = Field(
        description="Of percentiles and extremes of histograms: what bounds the observation, as far as it is known."
    )
    high: Number | None
    previous: Number | None = Field(description="The value so much earlier; null without compare.")


class MetricSeries(BaseModel):
    """One group over time, one point a step, without gaps."""

    group: dict[str, str | None] = Field(description="Null where its series have no such attribute.")
    points: list[MetricPoint]


class MetricsRangeAnswer(BaseModel):
    """Series of groups, those with the greatest values first."""

    metric: AskedMetric
    series: list[MetricSeries]
    step_ns: int
    averaged_steps: int = Field(description="How many steps each point is the mean of; 1 without moving_average.")
    compared_with: RangeAnswer | None = Field(description="The earlier range; null without compare.")
    meta: Meta


async def metrics_query_range(call: Call, parameters: QueryRangeParameters) -> MetricsRangeAnswer:
    """The range is widened to whole steps."""
    effective, step = parameters.effective
    windows = Windows.steps(effective, step, call.reader.now)
    smoothing = Smoothing.over(parameters, step)
    earlier = (parameters.compare or 0) // MILLISECOND
    query = await parameters.query(call, smoothing.reads(windows.earlier(earlier)))
    before = await smoothing.answer(query, windows.earlier(earlier)) if earlier else None
    found = beside(await smoothing.answer(query, windows), before)
    return MetricsRangeAnswer(
        metric=asked_metric(query.metric, query.plan),
        series=[_series(found, row, parameters.group_by.names, windows) for row in range(len(found.groups))],
        step_ns=step,
        averaged_steps=smoothing.steps,
        compared_with=range_answer(shifted(effective, parameters.compare)) if parameters.compare else None,
        meta=await call.reader.meta(truncated=found.truncated, effective=effective),
    )


def _series(found: Compared, row: int, names: list[str], windows: Windows) -> MetricSeries:
    return MetricSeries(
        group=dict(zip(names, found.groups[row], strict=True)),
        points=[
            MetricPoint(
                t=str(int(start) * MILLISECOND),
                value=shown_cell(found.now, row, number),
                low=shown_cell(found.low, row, number),
                high=shown_cell(found.high, row, number),
                previous=shown_cell(found.before, row, number),
            )
            for number, start in enumerate(windows.starts)
        ],
    )


ENDPOINTS = [
    Endpoint(
        path="/api/v1/metrics/query_range",
        handler=metrics_query_range,
        summary="Groups of a metric's series over time",
        parameters=QueryRangeParameters,
        answer=MetricsRangeAnswer,
        problems=(404,),
    ),
]
