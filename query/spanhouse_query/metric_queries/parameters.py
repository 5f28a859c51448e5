"""Parameters of queries for metrics."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from spanhouse_query.config import MINUTE
from spanhouse_query.endpoint import Call
from spanhouse_query.filters import FilterError
from spanhouse_query.metric_queries.aggregations import AGGREGATIONS, is_aggregation, plan
from spanhouse_query.metric_queries.chosen import choose_metric
from spanhouse_query.metric_queries.evaluation import SeriesQuery
from spanhouse_query.metric_queries.grouping import Grouping, read_grouping
from spanhouse_query.metric_queries.selected import select_series
from spanhouse_query.metric_queries.windows import MILLISECOND, Windows
from spanhouse_query.parameters import Duration, Instant, RangeParameters
from spanhouse_query.problems import invalid_parameter
from spanhouse_query.series import MetricType
from spanhouse_query.steps import MOST_POINTS, POINTS, whole_steps
from spanhouse_query.time_range import TimeRange


def _aggregation(value: Any) -> str:
    text = str(value)
    if not is_aggregation(text):
        raise PydanticCustomError("aggregation", "expected {allowed}", {"allowed": ", ".join(AGGREGATIONS)})
    return text


def _grouping(value: Any) -> Grouping:
    try:
        return read_grouping(str(value))
    except FilterError as error:
        raise PydanticCustomError("group_by", "{message}", {"message": str(error)}) from error


class SeriesParameters(RangeParameters):
    """What a number, a series or a trend is made of."""

    from_: Instant = Field(
        "now-1h", alias="from", validate_default=True, description="Start of the time range, not included."
    )
    to: Instant = Field(
        "now", validate_default=True, description="End of the time range, included; later than 2106 means 2106."
    )
    metric: str = Field(min_length=1, description="Name of the metric.", examples=["queue.size"])
    type: MetricType | None = Field(None, description="Its type, where metrics of several types have the name.")
    unit: str | None = Field(
        None, description="Its unit, where metrics of several units have the name.", examples=["1"]
    )
    monotonic: Literal["false", "true"] | None = Field(
        None, description="Which of two sums that have the name and the unit."
    )
    aggregation: (
        Annotated[
            str,
            BeforeValidator(_aggregation),
            WithJsonSchema({"type": "string", "examples": ["p95"], "description": ", ".join(AGGREGATIONS)}),
        ]
        | None
    ) = Field(
        None,
        description=f"What is made of the series of a group: {', '.join(AGGREGATIONS)} (p95, p99.9). By default avg of "
        "gauges, rate of monotonic sums, sum of other sums, p95 of histograms, avg of summaries.",
    )
    over_time: Literal["last", "avg", "min", "max", "sum", "count", "increase", "rate"] | None = Field(
        None, description="What each series of a gauge or a sum counts with: this of its points in the step."
    )
    group_by: Annotated[
        Grouping,
        BeforeValidator(_grouping),
        WithJsonSchema({"type": "string", "examples": ["service,resource.host.name"]}),
    ] = Field(
        "",
        validate_default=True,
        description="service and attributes (KEY, point.KEY, resource.KEY), up to five, separated by commas.",
    )
    q: str | None = Field(None, description="Only series that satisfy this filter.")
    staleness: Duration = Field(
        "5m",
        validate_default=True,
        description="How long the last value of a series stands, and how far before the range the point may be that "
        "the first increment is counted from.",
    )
    limit: int = Field(50, ge=1, le=1000, description="Groups at most: those with the greatest values.")

    async def query(self, call: Call, windows: Windows) -> SeriesQuery:
        """The query for these parameters. Raises Problem for a metric that is not there, or is several."""
        reader = call.reader
        metric = await choose_metric(
            reader,
            self.metric,
            type_=self.type,
            unit=self.unit,
            monotonic=None if self.monotonic is None else self.monotonic == "true",
        )
        chosen = plan(metric, self.aggregation, self.over_time)
        selected = await select_series(reader, metric, self.q, self.group_by, windows)
        return SeriesQuery(reader, selected, chosen, max(1, self.staleness // MILLISECOND), self.limit)


class PointsParameters(SeriesParameters):
    """The same over time."""

    step: Duration | None = Field(
        None, examples=["1m"], description="Length of a step; by default a round one of at least a minute."
    )
    max_points: int = Field(
        POINTS, ge=2, le=MOST_POINTS, description="Points at most of each series; the step is chosen so that it holds."
    )
    moving_average: Duration | None = Field(
        None,
        examples=["5m"],
        description="Each point is the mean of those that end within this time, as many whole steps as it has.",
    )

    @property
    def effective(self) -> tuple[TimeRange, int]:
        """The range in whole steps, and the step. Raises Problem for a step that cannot be."""
        if self.step is not None and self.step % MILLISECOND:
            raise invalid_parameter("step", "step must be of whole milliseconds")
        effective, step = whole_steps(self.range, self.step, least=MINUTE, multiple=False, points=self.max_points)
        count = (effective.end - effective.start) // step
        if count > self.max_points and "max_points" in self.model_fields_set:
            detail = f"the range has {count} such steps, more than max_points={self.max_points}; leave out one of both"
            raise invalid_parameter("step", detail)
        return effective, step


class ComparedParameters(SeriesParameters):
    """Parameters of what can be held against an earlier time."""

    compare: Duration | None = Field(
        None, examples=["1d"], description="Also the same so much earlier, as `previous`: 1d for yesterday."
    )

    @model_validator(mode="after")
    def _not_now(self) -> ComparedParameters:
        if self.compare is not None and self.compare < MILLISECOND:
            raise PydanticCustomError("compare", "compare must be at least 1ms", {"parameter": "compare"})
        return self
