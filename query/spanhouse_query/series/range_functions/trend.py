"""Functions that lay a line or a smooth curve through the values of a window."""

from __future__ import annotations

import numpy as np

from spanhouse_query.series.matrix import Bools, Floats
from spanhouse_query.series.samples import Samples, Windows
from spanhouse_query.series.window_reduction import Members, laid_out, picked

Answer = tuple[Floats, Bools]


def slope(samples: Samples, windows: Windows, parameters: tuple[float, ...]) -> Answer:
    """The slope per second of the line with the least squares."""
    reference = picked(samples.ts, windows.low)
    return _line(samples, windows, reference)[0], windows.lengths >= 2


def prediction(samples: Samples, windows: Windows, parameters: tuple[float, ...]) -> Answer:
    """Where that line is `parameters[0]` seconds after the step."""
    reference = np.broadcast_to(windows.ends, windows.low.shape).astype(np.float64)
    gradient, level = _line(samples, windows, reference)
    return gradient * parameters[0] + level, windows.lengths >= 2


def smoothed(samples: Samples, windows: Windows, parameters: tuple[float, ...]) -> Answer:
    """Double exponential smoothing by `parameters`: of the level and of the trend, both in (0, 1)."""
    level_factor, trend_factor = parameters
    previous = level = picked(samples.values, windows.low)
    trend = picked(samples.values, windows.low + 1) - level
    for place in range(1, int(windows.lengths.max(initial=0))):
        there = place < windows.lengths
        value = picked(samples.values, windows.low + place)
        if place > 1:
            trend = np.where(there, trend_factor * (level - previous) + (1 - trend_factor) * trend, trend)
        previous = level
        level = np.where(there, level_factor * value + (1 - level_factor) * (level + trend), level)
    return level, windows.lengths >= 2


def _line(samples: Samples, windows: Windows, reference: Floats) -> tuple[Floats, Floats]:
    """Slope per second, and value at `reference` (milliseconds), of the line through each window."""
    gradient, level = np.zeros(windows.low.shape), np.zeros(windows.low.shape)
    for rows, laid in laid_out(windows):
        x = (samples.ts[laid.sample] - reference[rows].ravel()[laid.cell]) / 1000
        found = _least_squares(laid, x, samples.values[laid.sample])
        gradient[rows], level[rows] = (each.reshape(gradient[rows].shape) for each in found)
    return gradient, level


def _least_squares(laid: Members, x: Floats, y: Floats) -> tuple[Floats, Floats]:
    n = np.maximum(np.bincount(laid.cell, minlength=laid.cells), 1)
    mean_x, mean_y = laid.sums(x) / n, laid.sums(y) / n
    away = x - mean_x[laid.cell]
    gradient = laid.sums(away * (y - mean_y[laid.cell])) / laid.sums(away**2)
    return gradient, mean_y - gradient * mean_x
