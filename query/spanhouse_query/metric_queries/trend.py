"""Where the groups of a metric's series lead: line, season, forecast and verdict."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from anyio import to_thread
from pydantic import BaseModel, Field

from spanhouse_query.endpoint import Call, Endpoint
from spanhouse_query.metric_queries.cells import Answered, Floats
from spanhouse_query.metric_queries.members import Keys
from spanhouse_query.metric_queries.parameters import PointsParameters
from spanhouse_query.metric_queries.points import Smoothing
from spanhouse_query.metric_queries.selected import too_large
from spanhouse_query.metric_queries.shown import AskedMetric, asked_metric
from spanhouse_query.metric_queries.windows import MILLISECOND, Windows
from spanhouse_query.parameters import Duration
from spanhouse_query.reader import Meta
from spanhouse_query.time_range import UNITS
from spanhouse_query.trends import Fit, Verdict, fit_trend, relative_change, verdict_of_fit

MOST_FORECAST = 1_000


class TrendParameters(PointsParameters):
    """Parameters of trends: those of series over time, and what to make of them."""

    confidence: float = Field(0.95, ge=0.5, le=0.999, description="How sure the intervals are.")
    horizon: Duration | None = Field(
        None, examples=["1h"], description="How far to look ahead; by default a quarter of the range."
    )
    threshold: float = Field(
        0.05, ge=0, le=1, description="Up to which change over the range, relative to its start, the verdict is stable."
    )
    seasonal: Literal["true", "false"] = Field("true", description="false: do not look for a season.")


class Line(BaseModel):
    """The line with the least squares, the season aside."""

    slope: float = Field(description="By how much the value rises in a second.")
    slope_low: float
    slope_high: float
    r2: float = Field(description="Share that the line explains of what the season leaves over, 0 to 1.")
    start: float = Field(description="The line at the first step that has a value.")
    end: float = Field(description="The line at the last step that has a value.")
    change: float | None = Field(description="From start to end, relative to the start; null from 0.")
    deviation: float = Field(description="Standard deviation of the values about line and season.")


class Season(BaseModel):
    """What repeats itself."""

    period_ns: int
    amplitude: float = Field(description="Half of what lies between its highest and its lowest step.")
    strength: float = Field(description="Share that the season explains of what the line leaves over, 0 to 1.")


class ForecastPoint(BaseModel):
    """A step that is yet to come, should line and season go on."""

    t: str = Field(description="Start of the step, nanoseconds since 1970.")
    value: float
    low: float
    high: float


class Trend(BaseModel):
    """One group. All but n is null for fewer than four finite values."""

    group: dict[str, str | None]
    n: int = Field(description="How many steps have a value.")
    verdict: Verdict | None = Field(description="stable also where a change could be chance.")
    line: Line | None
    season: Season | None = Field(description="Null where nothing repeats itself at least three times.")
    forecast: list[ForecastPoint] | None


class TrendAnswer(BaseModel):
    """Trends of groups, those with the greatest values first."""

    metric: AskedMetric
    trends: list[Trend]
    step_ns: int
    confidence: float
    meta: Meta


async def metrics_trend(call: Call, parameters: TrendParameters) -> TrendAnswer:
    """Of the steps that have ended: one that is running would bend every line."""
    effective, step = parameters.effective
    windows = Windows.steps(effective, step, call.reader.now)
    ahead = _steps_ahead(parameters.horizon, step, windows.count)
    smoothing = Smoothing.over(parameters, step)
    query = await parameters.query(call, smoothing.reads(windows))
    found = await smoothing.answer(query, windows)
    return TrendAnswer(
        metric=asked_metric(query.metric, query.plan),
        trends=await to_thread.run_sync(_trends, found, windows, parameters, ahead),
        step_ns=step,
        confidence=parameters.confidence,
        meta=await call.reader.meta(truncated=found.truncated, effective=effective),
    )


def _steps_ahead(horizon: int | None, step: int, count: int) -> int:
    steps = -(-count // 4) if horizon is None else -(-horizon // step)
    if steps > MOST_FORECAST:
        raise too_large(f"horizon has {steps} steps, and at most {MOST_FORECAST} are foretold; ask for a longer step")
    return steps


def _trends(found: Answered, windows: Windows, parameters: TrendParameters, ahead: int) -> list[Trend]:
    ended = max(1, int(np.count_nonzero(windows.starts + windows.step <= windows.now)))
    series = found.cells.known[:, :ended]
    names = parameters.group_by.names
    return [
        _trend(names, keys, values, Windows(windows.start, windows.step, ended, windows.now), parameters, ahead)
        for keys, values in zip(found.groups, series, strict=True)
    ]


def _trend(
    names: Sequence[str], keys: Keys, values: Floats, windows: Windows, parameters: TrendParameters, ahead: int
) -> Trend:
    fit = fit_trend(values, confidence=parameters.confidence, seasonal=parameters.seasonal == "true")
    return Trend(
        group=dict(zip(names, keys, strict=True)),
        n=int(np.isfinite(values).sum()),
        verdict=verdict_of_fit(fit, parameters.threshold) if fit else None,
        line=_line(fit, windows.step / 1000) if fit else None,
        season=_season(fit, windows.step) if fit else None,
        forecast=_forecast(fit, windows, ahead) if fit else None,
    )


def _line(fit: Fit, seconds: float) -> Line:
    return Line(
        slope=fit.slope / seconds,
        slope_low=fit.slope_low / seconds,
        slope_high=fit.slope_high / seconds,
        r2=fit.r2,
        start=fit.start,
        end=fit.start + fit.change,
        change=relative_change(fit.start, fit.start + fit.change),
        deviation=fit.deviation,
    )


def _season(fit: Fit, step: int) -> Season | None:
    if fit.period is None:
        return None
    period = round(fit.period * step * UNITS["ms"])
    return Season(period_ns=period, amplitude=fit.amplitude, strength=fit.strength)


def _forecast(fit: Fit, windows: Windows, ahead: int) -> list[ForecastPoint]:
    found = fit.forecast(ahead)
    return [
        ForecastPoint(
            t=str((windows.end + number * windows.step) * MILLISECOND),
            value=float(value),
            low=float(low),
            high=float(high),
        )
        for number, (value, low, high) in enumerate(zip(found.value, found.low, found.high, strict=True))
    ]


ENDPOINTS = [
    Endpoint(
        path="/api/v1/metrics/trend",
        handler=metrics_trend,
        summary="Line, season, forecast and verdict of a metric's series",
        parameters=TrendParameters,
        answer=TrendAnswer,
        problems=(404,),
    ),
]
