"""Percentiles: one definition and one sketch everywhere (docs/adr/0004).

A percentile is the linear interpolation between order statistics (Hyndman and Fan's type 7, numpy's default, the
engine's quantileExactInclusive): of n sorted values x[0..n-1], with h = (n - 1) q and k = floor(h), it is
x[k] + (h - k) (x[k + 1] - x[k]).

The sketch is the rollups' exponential histogram, in which a span counts as often as its sampling says. It gives each
order statistic as the relative midpoint 2 lo hi / (lo + hi) of its bucket, clipped to the smallest and the largest
value seen. With hi = 2^(1/32) lo that is at most 1.083 % off, and so is any interpolation between two of them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field

SKETCH_ERROR = 0.011
STANDARD = (0.5, 0.9, 0.95, 0.99)
_GROWTH = 2 ** (1 / 32)
_MIDPOINT = 2 * _GROWTH / (1 + _GROWTH)
ZEROS = -32768  # the bucket of durations of 0


class Latency(BaseModel):
    """Percentiles of durations in nanoseconds; null where there is no value."""

    p50: int | None
    p90: int | None
    p95: int | None
    p99: int | None
    max: int | None
    n: int = Field(description="How many stored values the percentiles rest on.")
    error: float = Field(description="Bound of their relative error: 0 where computed from the spans themselves.")


def latency_answer(values: Sequence[int], n: int, largest: int, error: float) -> Latency:
    """`values` are the STANDARD percentiles, of no meaning where `n` is 0."""
    if not n:
        return Latency(p50=None, p90=None, p95=None, p99=None, max=None, n=0, error=error)
    p50, p90, p95, p99 = values
    return Latency(p50=p50, p90=p90, p95=p95, p99=p99, max=largest, n=n, error=error)


def percentile_name(percentile: float) -> str:
    """`p95`, `p99.9`."""
    return f"p{percentile:.12f}".rstrip("0").rstrip(".")


def exact_percentiles(
    quantiles: Sequence[float], value: str, condition: str | None = None, *, weight: str | None = None
) -> str:
    """Array of the percentiles of the expression `value`, whole nanoseconds, computed from every value.

    weight: an expression for how many values each stands for, UInt64; it takes ten times as long. Without a value the
    array holds zeros.
    """
    levels = ", ".join(f"{quantile!r}" for quantile in quantiles)
    function = "quantilesExactWeightedInterpolated" if weight else "quantilesExactInclusive"
    arguments = ", ".join(part for part in (value, weight, condition) if part)
    suffix = "If" if condition else ""
    return f"arrayMap(v -> if(isFinite(v), round(v), 0)::UInt64, {function}{suffix}({levels})({arguments}))"


def bucket_middles(keys: NDArray[np.int64]) -> NDArray[np.float64]:
    """What the values in some buckets are taken for."""
    middles: NDArray[np.float64] = np.where(keys == ZEROS, 0, np.exp2(keys / 32) * _MIDPOINT)
    return middles


# Functions for a WITH clause. h: a merged histogram, Map(Int16, Float64) with ascending keys, as sumMap makes them.
SKETCH_FUNCTIONS = f"""
    key -> if(key = {ZEROS}, 0, exp2(key / 32) * {_MIDPOINT!r}) AS bucket_middle,
    (h, k, smallest, largest) -> least(greatest(
        bucket_middle(mapKeys(h)[arrayFirstIndex(c -> c > k, arrayCumSum(mapValues(h)))]),
        toFloat64(smallest)), toFloat64(largest)) AS order_statistic,
    (h, rank, smallest, largest) ->
        order_statistic(h, floor(rank), smallest, largest) + (rank - floor(rank))
        * (order_statistic(h, ceil(rank), smallest, largest) - order_statistic(h, floor(rank), smallest, largest))
        AS sketch_percentile,
    (limit, h) -> arraySum((key, n) -> if(bucket_middle(key) <= limit, n, 0), mapKeys(h), mapValues(h)) AS values_within
"""


def sketch_percentiles(quantiles: Sequence[float], *, buckets: str, n: str, smallest: str, largest: str) -> str:
    """Array of the percentiles, whole nanoseconds, from a merged histogram; needs SKETCH_FUNCTIONS.

    n, smallest, largest: the sum of the histogram, the least and the greatest value. Without values it holds zeros.
    """
    levels = ", ".join(f"{quantile!r}" for quantile in quantiles)
    value = f"sketch_percentile({buckets}, (greatest({n}, 1) - 1) * q, {smallest}, {largest})"
    return f"arrayMap(q -> round({value})::UInt64, [{levels}])"
