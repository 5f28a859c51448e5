"""Quantiles as Prometheus has them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spanhouse_query.series.samples import Floats


def quantile_of_sorted(values: Floats, starts: NDArray[np.int64], lengths: NDArray[np.int64], q: float) -> Floats:
    """The quantile of each stretch of ascending values, between neighbours; -Inf for q < 0, +Inf for q > 1, else NaN
    where a stretch is empty or q is NaN."""
    if not values.size or np.isnan(q):
        return np.full(starts.shape, np.nan)
    if not 0 <= q <= 1:
        return np.where(lengths > 0, -np.inf if q < 0 else np.inf, np.nan)
    rank = q * (lengths - 1)
    low = np.maximum(np.floor(rank), 0).astype(np.int64)
    high = np.minimum(low + 1, np.maximum(lengths - 1, 0))
    weight = rank - np.floor(rank)
    last = values.size - 1
    below, above = values[np.minimum(starts + low, last)], values[np.minimum(starts + high, last)]
    return np.where(lengths > 0, below * (1 - weight) + above * weight, np.nan)
