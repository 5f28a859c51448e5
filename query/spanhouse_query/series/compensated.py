"""Sums in which large numbers cancel each other out."""

from __future__ import annotations

import numpy as np

from spanhouse_query.series.samples import Bools, Floats, Integers

_CANCELLED = 1e-5
"""Of a sum that is so much smaller than its numbers, the last of ten digits may be wrong."""


def doubtful(found: Floats, magnitude: Floats) -> Bools:
    """Which sums may have lost digits. magnitude: the sums of the numbers without their signs."""
    return np.asarray(np.isfinite(magnitude) & (np.abs(found) < magnitude * _CANCELLED))


def compensated(values: Floats, first: Integers, count: Integers, *, stride: int = 1) -> Floats:
    """Of each stretch of finite values, `count` of them `stride` apart, the sum with what additions lose (Neumaier)."""
    total, lost = np.zeros(first.shape), np.zeros(first.shape)
    for place in range(int(count.max(initial=0))):
        own = np.where(place < count, values[np.minimum(first + place * stride, values.size - 1)], 0.0)
        more = total + own
        lost += np.where(np.abs(total) >= np.abs(own), (total - more) + own, (own - more) + total)
        total = more
    return total + lost
