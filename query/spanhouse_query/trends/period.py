"""The period with which a series repeats itself.

Two witnesses have to agree. The spectrum tells whether a frequency stands out of the noise, of which low frequencies
may have more than high ones (a first-order autoregressive background); the autocorrelation tells after how many steps
the whole shape comes again, also where it is no sinusoid and most of its power is in overtones.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from spanhouse_query.trends.season import Phases, explain

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

LEAST_CYCLES = 3
_LEAST_POINTS = 8
_CHANCE = 1e-4
_AS_GOOD = 0.9
_LEAST_CORRELATION = 0.1
_MEMORIES = np.concatenate([np.linspace(0, 0.9, 19), [0.93, 0.96, 0.98, 0.99, 0.995]])


def find_period(values: Floats) -> float | None:
    """In steps, at least 2; None where nothing repeats at least three times beyond chance.

    values: in even steps, NaN where there is none. Half of them have to be there.
    """
    times = np.flatnonzero(~np.isnan(values)).astype(np.float64)
    if len(times) < max(_LEAST_POINTS, len(values) / 2):
        return None
    present = values[times.astype(np.int64)]
    line = explain(times, present, Phases())
    if line is None or _negligible(line.residuals, present):
        return None
    loudest = _loudest(np.interp(np.arange(len(values)), times, line.residuals))
    if loudest is None:
        return None
    correlation = _autocorrelation(times.astype(np.int64), line.residuals, len(values))
    lag = _repetition(correlation, loudest, len(values))
    return None if lag is None else _refined(times, present, correlation, lag)


def _negligible(residuals: Floats, values: Floats) -> bool:
    """Whether a line explains everything but the rounding of the arithmetic."""
    return float(np.abs(residuals).max()) <= 1e-9 * float(np.abs(values).max())


def _loudest(values: Floats) -> int | None:
    """Cycles in the whole series of the frequency that stands out most, None where none does."""
    size = len(values)
    tapered = (values - values.mean()) * np.hanning(size)
    power = np.abs(np.fft.rfft(tapered)[1 : size // 2 + 1]) ** 2
    power = power + 1e-15 * power.max()
    cycles = np.arange(1, len(power) + 1)
    over = power / _background(power, cycles / size)
    over[cycles < LEAST_CYCLES] = 0
    best = int(np.argmax(over))
    return int(cycles[best]) if over[best] > math.log(len(power) / _CHANCE) else None


def _background(power: Floats, frequencies: Floats) -> Floats:
    """The power that noise would have at each frequency; peaks do not move it, because medians are compared."""
    waves = np.cos(2 * np.pi * frequencies)
    shapes = 1 / (1 + _MEMORIES[:, None] ** 2 - 2 * _MEMORIES[:, None] * waves)
    logs = np.log(power / shapes)
    medians = np.median(logs, axis=1, keepdims=True)
    best = int(np.argmin(np.abs(logs - medians).mean(axis=1)))
    level: Floats = shapes[best] * math.exp(float(medians[best, 0])) / math.log(2)
    return level


def _autocorrelation(times: Integers, residuals: Floats, size: int) -> Floats:
    """By lag from 0, over the pairs of which both are there."""
    mask, filled = np.zeros(2 * size), np.zeros(2 * size)
    mask[times], filled[times] = 1, residuals
    pairs = np.fft.irfft(np.abs(np.fft.rfft(mask)) ** 2)[:size]
    products = np.fft.irfft(np.abs(np.fft.rfft(filled)) ** 2)[:size]
    means = np.where(pairs > 0.5, products / np.maximum(pairs, 0.5), 0)
    correlation: Floats = means / means[0]
    return correlation


def _repetition(correlation: Floats, loudest: int, size: int) -> int | None:
    """The shortest lag about as good as the best one, of those that have the loudest frequency as an overtone.

    About as good: within a tenth, and within twice the standard error of a correlation.
    """
    lags = [lag for lag in range(2, size // LEAST_CYCLES + 1) if _is_hill(correlation, lag)]
    fitting = [lag for lag in lags if _is_overtone(loudest, lag, size)]
    best = max((float(correlation[lag]) for lag in fitting), default=0.0)
    if best < _LEAST_CORRELATION:
        return None
    enough = _AS_GOOD * best - 2 / math.sqrt(size)
    return next(lag for lag in fitting if correlation[lag] >= enough)


def _is_overtone(cycles: int, lag: int, size: int) -> bool:
    """Whether so many cycles may be a whole number in each `lag`, which is known to half a step, as they are to one."""
    overtone = max(1, round(cycles * lag / size))
    expected = overtone * size / lag
    return abs(cycles - expected) <= 1 + expected / (2 * lag)


def _is_hill(correlation: Floats, lag: int) -> bool:
    reach = max(1, lag // 4)
    return bool(correlation[lag] == correlation[lag - reach : lag + reach + 1].max())


def _refined(times: Floats, values: Floats, correlation: Floats, lag: int) -> float:
    """A multiple of the period tells it more exactly; a whole number is preferred where it explains as much."""
    period = float(lag)
    for multiple in range(2, len(correlation) // 2 // lag + 1):
        period = _top(correlation, multiple * period, reach=max(1, math.ceil(period / 10))) / multiple
    whole = float(max(2, round(period)))
    if _unexplained(times, values, whole) <= 1.05 * _unexplained(times, values, period):
        return whole
    return period


def _top(correlation: Floats, around: float, *, reach: int) -> float:
    """Where the hill is highest, between lags by the parabola through the three highest."""
    start = max(1, round(around) - reach)
    lag = start + int(np.argmax(correlation[start : round(around) + reach + 1]))
    before, at, after = correlation[lag - 1], correlation[lag], correlation[min(lag + 1, len(correlation) - 1)]
    bend = before - 2 * at + after
    shift = 0.5 * float((before - after) / bend) if bend < 0 else 0.0
    return lag + max(-0.5, min(0.5, shift))


def _unexplained(times: Floats, values: Floats, period: float) -> float:
    found = explain(times, values, Phases(period))
    return math.inf if found is None else float(found.residuals @ found.residuals)
