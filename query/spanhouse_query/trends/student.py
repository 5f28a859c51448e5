"""Quantiles of Student's t distribution, in which estimates from few points scatter."""

from __future__ import annotations

import math
from statistics import NormalDist

_SERIES_UP_TO = 200


def two_sided_quantile(confidence: float, degrees: int) -> float:
    """t such that a variable with `degrees` (at least 1) degrees of freedom lies in [-t, t] with that probability.

    Exact to 1e-9 up to 200 degrees, to 1e-6 beyond. Abramowitz and Stegun, 26.7.3 f. and 26.7.5.
    """
    if degrees > _SERIES_UP_TO:
        return _expanded(NormalDist().inv_cdf((1 + confidence) / 2), degrees)
    low, high = 0.0, 1.0
    while _within(high, degrees) < confidence:
        low, high = high, high * 2
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if _within(middle, degrees) < confidence else (low, middle)
    return high


def _within(t: float, degrees: int) -> float:
    """P(|T| <= t), a finite sum for whole degrees."""
    angle = math.atan(t / math.sqrt(degrees))
    sine, cosine = math.sin(angle), math.cos(angle)
    odd = degrees % 2
    term = cosine if odd else 1.0
    total = 0.0
    for k in range(1 + odd, degrees, 2):
        total += term
        term *= cosine * cosine * k / (k + 1)
    return 2 / math.pi * (angle + sine * total) if odd else sine * total


def _expanded(z: float, degrees: int) -> float:
    """By the normal quantile z and the first powers of 1 / degrees."""
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + first / degrees + second / degrees**2 + third / degrees**3
