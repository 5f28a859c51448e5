"""Arithmetic that has an answer for all doubles, as IEEE 754 and Go's math package give it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from decimal import Decimal

INF, NAN = math.inf, math.nan


def quotient(left: float, right: float) -> float:
    if right != 0 or math.isnan(left):
        return left / right if right != 0 else NAN
    return NAN if left == 0 else math.copysign(INF, left) * math.copysign(1, right)


def remainder(left: float, right: float) -> float:
    """With the sign of the left side."""
    if math.isnan(left) or math.isnan(right) or math.isinf(left) or right == 0:
        return NAN
    return math.fmod(left, right)


def power(base: float, exponent: float) -> float:
    try:
        return math.pow(base, exponent)
    except OverflowError:
        return -INF if base < 0 and exponent % 2 == 1 else INF
    except ValueError:
        if base != 0:
            return NAN
        return math.copysign(INF, base) if exponent % 2 == 1 else INF


def total(function: Callable[[float], float], *, poles: dict[float, float] | None = None) -> Callable[[float], float]:
    """The function with ±Inf where it overflows, what `poles` says at its poles, and NaN where it is not defined."""

    def answer(value: float) -> float:
        try:
            return float(function(value))
        except OverflowError:
            return math.copysign(INF, function(math.copysign(1, value)))
        except ValueError:
            return NAN if math.isnan(value) else (poles or {}).get(value, NAN)

    return answer


def summed(values: Sequence[float]) -> float:
    """Rounded once."""
    if all(math.isfinite(value) for value in values):
        return math.fsum(values)
    result = 0.0
    for value in values:
        result += value
    return result


def mean(values: Sequence[float]) -> float:
    return summed(values) / len(values)


def variance(values: Sequence[float]) -> float:
    """Of a population."""
    center = mean(values)
    return summed([(value - center) ** 2 for value in values]) / len(values)


def standard_deviation(values: Sequence[float]) -> float:
    return math.sqrt(variance(values)) if not math.isnan(variance(values)) else NAN


def least(values: Sequence[float]) -> float:
    """NaN only where there is nothing else."""
    return min((value for value in values if not math.isnan(value)), default=NAN)


def greatest(values: Sequence[float]) -> float:
    """NaN only where there is nothing else."""
    return max((value for value in values if not math.isnan(value)), default=NAN)


def quantile(fraction: float, values: Sequence[float]) -> float:
    """Between the two nearest ranks, in proportion; NaN is the smallest of all values."""
    if not values or math.isnan(fraction):
        return NAN
    if fraction < 0 or fraction > 1:
        return math.copysign(INF, fraction - 0.5)
    ordered = sorted(values, key=lambda value: (not math.isnan(value), value if not math.isnan(value) else 0.0))
    rank = fraction * (len(ordered) - 1)
    low = math.floor(rank)
    high = min(low + 1, len(ordered) - 1)
    weight = rank - low
    return ordered[low] * (1 - weight) + ordered[high] * weight


def written(value: float) -> str:
    """As count_values writes it: without an exponent, and without a point that is not needed."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return format(Decimal(repr(value)).normalize(), "f")
