"""A line through a series, with its season where it has one, and where both lead.

Estimates come with intervals that hold for residuals that remember the one before them (first-order autoregression):
there are then fewer independent points than points, by (1 + r) / (1 - r) with r the correlation of neighbours.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spanhouse_query.trends.period import find_period
from spanhouse_query.trends.season import Explained, Phases, explain
from spanhouse_query.trends.student import two_sided_quantile

Floats = NDArray[np.float64]

LEAST_POINTS = 4
MOST = 1e300
"""Of larger values a forecast is not a double."""

_MOST_MEMORY = 0.99


@dataclass(frozen=True, slots=True)
class Forecast:
    """value: what is expected; low, high: where a single further value lies with the fit's confidence."""

    value: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True, slots=True)
class Fit:
    """In units of the values and in steps.

    slope: a step, within [slope_low, slope_high] at the confidence. first, last: the steps of the first and the last
    value, beyond which the line is not known to hold. start: the line at the first of them, without the season.
    r2: share of what the season leaves over that the line explains, 0 to 1. deviation: of the residuals. points: how
    many values there were. memory: correlation of neighbouring residuals. size: steps of the series. degrees: degrees
    of freedom that the intervals stand on. explained: of the values by `scale`, because the squares of large ones are
    beyond what a double holds.
    """

    explained: Explained
    scale: float
    confidence: float
    slope: float
    slope_low: float
    slope_high: float
    first: int
    last: int
    start: float
    r2: float
    deviation: float
    points: int
    memory: float
    size: int
    degrees: int

    @property
    def change(self) -> float:
        """By how much the line rises from the first value to the last."""
        return self.slope * (self.last - self.first)

    @property
    def period(self) -> float | None:
        """In steps, None without a season."""
        return self.explained.phases.period

    @property
    def amplitude(self) -> float:
        """Half of what lies between the season's highest and lowest phase; 0 without a season."""
        profile = self.explained.profile
        return float(profile.max() - profile.min()) / 2 * self.scale

    @property
    def strength(self) -> float:
        """Share of what the line leaves over that the season explains, 0 to 1."""
        seasonal = float(self.explained.sizes @ self.explained.profile**2)
        left = float(self.explained.residuals @ self.explained.residuals)
        return seasonal / (seasonal + left) if seasonal else 0.0

    def forecast(self, steps: int) -> Forecast:
        """The `steps` steps after the series, should line and season go on."""
        return self.predict(np.arange(self.size, self.size + steps, dtype=np.float64))

    def predict(self, times: Floats) -> Forecast:
        """At instants in steps since the series began."""
        value = self.explained.at(times) * self.scale
        phase = self.explained.phases.of(times)
        distance = times - self.explained.phase_times[phase]
        of_line = 1 / self.explained.sizes[phase] + distance**2 / self.explained.spread
        width = two_sided_quantile(self.confidence, self.degrees) * self.deviation
        reach = width * np.sqrt(1 + _inflation(self.memory) * of_line)
        return Forecast(value, value - reach, value + reach)


def fit_trend(values: Floats, *, confidence: float = 0.95, seasonal: bool = True) -> Fit | None:
    """values: in even steps, NaN, infinite or beyond 1e300 where there is none to go by. None for fewer than four.

    seasonal: whether to look for a season.
    """
    values = np.where(np.abs(values) <= MOST, values, np.nan)
    times = np.flatnonzero(~np.isnan(values)).astype(np.float64)
    if len(times) < LEAST_POINTS:
        return None
    present = values[times.astype(np.int64)]
    scale = float(np.abs(present).max()) or 1.0
    period = find_period(values / scale) if seasonal else None
    found = explain(times, present / scale, Phases(period)) if period else None
    if found is None or len(times) - found.phases.count - 1 < 2:
        found = explain(times, present / scale, Phases())
    return None if found is None else _fit(found, scale, times, confidence, size=len(values))


def _fit(found: Explained, scale: float, times: Floats, confidence: float, *, size: int) -> Fit:
    free = len(times) - found.phases.count - 1
    memory = _memory(times, found.residuals)
    degrees = max(1, math.floor(free / _inflation(memory)))
    deviation = float(np.linalg.norm(found.residuals)) / math.sqrt(free)
    error = deviation * math.sqrt(_inflation(memory) / found.spread)
    reach = two_sided_quantile(confidence, degrees) * error
    rises = found.slope * (found.phase_times - times[0])
    return Fit(
        explained=found,
        scale=scale,
        confidence=confidence,
        slope=found.slope * scale,
        slope_low=(found.slope - reach) * scale,
        slope_high=(found.slope + reach) * scale,
        first=int(times[0]),
        last=int(times[-1]),
        start=float(np.average(found.phase_values - rises, weights=found.sizes)) * scale,
        r2=_explained_share(found),
        deviation=deviation * scale,
        points=len(times),
        memory=memory,
        size=size,
        degrees=degrees,
    )


def _explained_share(found: Explained) -> float:
    """1 where there is nothing to explain."""
    by_line = found.slope**2 * found.spread
    left = float(found.residuals @ found.residuals)
    return by_line / (by_line + left) if by_line + left else 1.0


def _memory(times: Floats, residuals: Floats) -> float:
    """Correlation of neighbours, corrected for what few points hide of it (Kendall 1954), from 0 to 0.99."""
    near = np.diff(times) == 1
    variance = float((residuals**2).mean())
    if variance == 0 or not near.any():
        return 0.0
    raw = float((residuals[1:] * residuals[:-1])[near].mean()) / variance
    return min(_MOST_MEMORY, max(0.0, raw + (1 + 4 * raw) / len(residuals)))


def _inflation(memory: float) -> float:
    """How many points count as one."""
    return (1 + memory) / (1 - memory)
