"""Functions of one number, and of the date that it stands for."""

from __future__ import annotations

import calendar
import math
from collections.abc import Callable
from datetime import UTC, datetime

from tests.promql_conformance.reference.numbers import INF, NAN, total

_LOGARITHM_POLES = {0.0: -INF}


def floor(value: float) -> float:
    return float(math.floor(value)) if math.isfinite(value) else value


def ceiling(value: float) -> float:
    return float(math.ceil(value)) if math.isfinite(value) else value


def _sign(value: float) -> float:
    return value if value == 0 or math.isnan(value) else math.copysign(1, value)


OF_A_NUMBER: dict[str, Callable[[float], float]] = {
    "abs": abs,
    "ceil": ceiling,
    "floor": floor,
    "exp": total(math.exp),
    "ln": total(math.log, poles=_LOGARITHM_POLES),
    "log2": total(math.log2, poles=_LOGARITHM_POLES),
    "log10": total(math.log10, poles=_LOGARITHM_POLES),
    "sqrt": total(math.sqrt),
    "sgn": _sign,
    "sin": total(math.sin),
    "cos": total(math.cos),
    "tan": total(math.tan),
    "asin": total(math.asin),
    "acos": total(math.acos),
    "atan": total(math.atan),
    "sinh": total(math.sinh),
    "cosh": total(math.cosh),
    "tanh": total(math.tanh),
    "asinh": total(math.asinh),
    "acosh": total(math.acosh),
    "atanh": total(math.atanh, poles={1.0: INF, -1.0: -INF}),
    "deg": total(math.degrees),
    "rad": total(math.radians),
}

_OF_A_DATE: dict[str, Callable[[datetime], int]] = {
    "minute": lambda date: date.minute,
    "hour": lambda date: date.hour,
    "day_of_week": lambda date: date.isoweekday() % 7,
    "day_of_month": lambda date: date.day,
    "day_of_year": lambda date: date.timetuple().tm_yday,
    "days_in_month": lambda date: calendar.monthrange(date.year, date.month)[1],
    "month": lambda date: date.month,
    "year": lambda date: date.year,
}


def _of_seconds(part: Callable[[datetime], int]) -> Callable[[float], float]:
    return lambda seconds: float(part(datetime.fromtimestamp(int(seconds), UTC)))


OF_A_DATE: dict[str, Callable[[float], float]] = {name: _of_seconds(part) for name, part in _OF_A_DATE.items()}


def rounded(value: float, nearest: float) -> float:
    """To a multiple of `nearest`; halves go up."""
    inverse = 1 / nearest if nearest else NAN
    return floor(value * inverse + 0.5) / inverse


def at_least(value: float, bound: float) -> float:
    return NAN if math.isnan(value) or math.isnan(bound) else max(value, bound)


def at_most(value: float, bound: float) -> float:
    return NAN if math.isnan(value) or math.isnan(bound) else min(value, bound)
