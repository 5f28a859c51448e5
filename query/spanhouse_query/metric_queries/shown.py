"""Metrics, groups and numbers as answers show them."""

from __future__ import annotations

import math
from typing import Literal, TypeAlias

from pydantic import BaseModel, Field

from spanhouse_query.metric_queries.aggregations import Plan
from spanhouse_query.metric_queries.cells import Cells
from spanhouse_query.metric_queries.chosen import ChosenMetric
from spanhouse_query.series import MetricType

Number: TypeAlias = float | Literal["NaN", "Infinity", "-Infinity"]
"""JSON has no others: as protobuf's mapping writes them. What is absent is null."""


class AskedMetric(BaseModel):
    """What an answer is about."""

    name: str
    type: MetricType
    unit: str
    monotonic: bool = Field(description="Whether it is a sum that never falls unless counting begins anew.")
    temporalities: list[Literal["unspecified", "delta", "cumulative"]] = Field(
        description="Of its series; they are read alike."
    )
    description: str
    aggregation: str = Field(description="As asked for, or what fits the type.")
    over_time: str | None = Field(
        description="What each series counts with, of its points in a step; null for histograms and summaries."
    )
    value_unit: str = Field(description="Unit of the values.")


def asked_metric(metric: ChosenMetric, plan: Plan) -> AskedMetric:
    """The metric with what is made of it."""
    return AskedMetric(
        name=metric.name,
        type=metric.type,
        unit=metric.unit,
        monotonic=metric.monotonic,
        temporalities=list(metric.temporalities),  # type: ignore[arg-type]
        description=metric.description,
        aggregation=plan.aggregation,
        over_time=plan.over_time,
        value_unit=value_unit(metric, plan),
    )


def value_unit(metric: ChosenMetric, plan: Plan) -> str:
    """By the unit of the metric and what is made of it: counts have 1, rates are per second."""
    counted = plan.aggregation == "count" or plan.over_time == "count"
    of_observations = plan.over_time is None and plan.aggregation in ("increase", "rate")
    unit = "1" if counted or of_observations else metric.unit
    return f"{unit}/s" if "rate" in (plan.aggregation, plan.over_time) and plan.aggregation != "count" else unit


def shown(value: float | None) -> Number | None:
    """The number in JSON."""
    if value is None or math.isfinite(value):
        return value
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def shown_cell(cells: Cells | None, row: int, window: int) -> Number | None:
    """The number in a cell; null where there is none."""
    if cells is None or not cells.present[row, window]:
        return None
    return shown(float(cells.values[row, window]))
