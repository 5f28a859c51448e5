"""Trends of series in even steps: line, season, forecast and verdict, as functions of arrays alone."""

from spanhouse_query.trends.fit import Fit, Forecast, fit_trend
from spanhouse_query.trends.moving_average import moving_average
from spanhouse_query.trends.period import find_period
from spanhouse_query.trends.verdict import Verdict, relative_change, verdict_of_change, verdict_of_fit

__all__ = [
    "Fit",
    "Forecast",
    "Verdict",
    "find_period",
    "fit_trend",
    "moving_average",
    "relative_change",
    "verdict_of_change",
    "verdict_of_fit",
]
