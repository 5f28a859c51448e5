"""The table of functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from spanhouse_query.promql.arguments import Arguments
from spanhouse_query.promql.functions import calendar, elementwise, histograms, labels, ranges, shapes
from spanhouse_query.promql.values import Value
from spanhouse_query.series.range_functions import RANGE_FUNCTIONS

Function = Callable[[Arguments], Value]

_NOT_CALLED = ("instant", "timestamp")

FUNCTIONS: Mapping[str, Function] = {
    **{name: ranges.over_range for name in RANGE_FUNCTIONS if name not in _NOT_CALLED},
    "predict_linear": ranges.predicted,
    "double_exponential_smoothing": ranges.smoothed,
    "absent": shapes.absent,
    "absent_over_time": shapes.absent_over_time,
    **dict.fromkeys(elementwise.UNARY, elementwise.unary),
    "round": elementwise.rounded,
    "clamp": elementwise.clamp,
    "clamp_min": elementwise.clamp_min,
    "clamp_max": elementwise.clamp_max,
    **dict.fromkeys(calendar.PARTS, calendar.calendar),
    "time": calendar.time,
    "timestamp": calendar.timestamp,
    "pi": shapes.pi,
    "scalar": shapes.scalar,
    "vector": shapes.vector,
    "sort": shapes.sort,
    "sort_desc": shapes.sort_desc,
    "label_replace": labels.label_replace,
    "label_join": labels.label_join,
    **histograms.FUNCTIONS,
}
