"""What can be asked of a metric: how its series are made one number, and what each of them is before that."""

from __future__ import annotations

import re
from dataclasses import dataclass

from spanhouse_query.metric_queries.chosen import ChosenMetric
from spanhouse_query.metric_queries.levels import FUNCTIONS
from spanhouse_query.problems import invalid_parameter

PERCENTILE = re.compile(r"p(100|[0-9]{1,2}(?:\.[0-9]{1,6})?)")
_ACROSS = ["sum", "avg", "min", "max", "count", "last", "pNN"]
_GROWTH = ["increase", "rate"]
AGGREGATIONS = [*_ACROSS, *_GROWTH]
"""As errors list them; pNN stands for every percentile."""
OVER_TIME = [*FUNCTIONS, *_GROWTH]


@dataclass(frozen=True, slots=True)
class Plan:
    """aggregation: as asked for, or what fits the metric. over_time: None for metrics of observations, which have none.

    quantile: of pNN, 0 to 1.
    """

    aggregation: str
    over_time: str | None
    quantile: float | None


def quantile_of(aggregation: str) -> float | None:
    """0.95 of p95; None for other words."""
    found = PERCENTILE.fullmatch(aggregation)
    return float(found[1]) / 100 if found else None


def is_aggregation(text: str) -> bool:
    """Whether it is one, of any metric."""
    return quantile_of(text) is not None or (text in AGGREGATIONS and text != "pNN")


def plan(metric: ChosenMetric, aggregation: str | None, over_time: str | None) -> Plan:
    """Raises Problem (400) for what the metric does not have, with what it has."""
    chosen = aggregation or _usual(metric)
    quantile = quantile_of(chosen)
    allowed = _allowed(metric)
    if ("pNN" if quantile is not None else chosen) not in allowed:
        detail = f"{metric.name!r} is {metric.kind}, which has no {chosen}; expected {', '.join(allowed)}"
        raise invalid_parameter("aggregation", detail, allowed=allowed)
    if metric.type not in ("gauge", "sum"):
        if over_time is not None:
            detail = f"{metric.name!r} is {metric.kind}, of which all observations of a step are added up; leave it out"
            raise invalid_parameter("over_time", detail)
        return Plan(chosen, None, quantile)
    return Plan(chosen, _over_time(metric, chosen, over_time), quantile)


def _usual(metric: ChosenMetric) -> str:
    if metric.is_histogram:
        return "p95"
    if metric.type == "summary":
        return "avg"
    if metric.type == "sum":
        return "rate" if metric.monotonic else "sum"
    return "avg"


def _allowed(metric: ChosenMetric) -> list[str]:
    match metric.type:
        case "gauge":
            return _ACROSS
        case "sum":
            return AGGREGATIONS
        case "summary":
            return ["sum", "avg", "count", *_GROWTH]
        case _:
            return [name for name in AGGREGATIONS if name != "last"]


def _over_time(metric: ChosenMetric, aggregation: str, asked: str | None) -> str:
    if aggregation in _GROWTH:
        if asked not in (None, aggregation):
            raise invalid_parameter("over_time", f"aggregation={aggregation} is the {aggregation} over time already")
        return aggregation
    if aggregation == "last":
        if asked not in (None, "last"):
            raise invalid_parameter("over_time", "aggregation=last is the last value over time already")
        return "last"
    if asked in _GROWTH and metric.type == "gauge":
        detail = f"{metric.name!r} is a gauge, whose values do not add up; expected {', '.join(FUNCTIONS)}"
        raise invalid_parameter("over_time", detail, allowed=list(FUNCTIONS))
    if asked is not None:
        return asked
    if metric.accumulates:
        return "increase"
    return aggregation if aggregation in ("avg", "min", "max") else "last"
