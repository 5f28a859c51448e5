"""Functions of the values of a window: sums, extremes, spread, quantiles."""

from __future__ import annotations

import numpy as np

from spanhouse_query.series.matrix import Bools, Floats
from spanhouse_query.series.quantile import quantile_of_sorted
from spanhouse_query.series.samples import Samples, Windows
from spanhouse_query.series.window_reduction import Members, counted, laid_out, picked, reduced, sums

Answer = tuple[Floats, Bools]


def last(samples: Samples, windows: Windows, parameters: tuple[float, ...]) -> Answer:
    """The newest value."""
    return picked(samples.values, windows.high - 1), windows.filled


def first(samples: Samples, windows: Windows, parameters: tuple[float, ...]) -> Answer:
    """The oldest value."""
    return picked(samples.values, windows.low), windows.filled


def instant(samples: Samples, windows: Windows, parameters: tuple[float, ...]) -> Answer:
    """The newest value, unless it says that the series ended."""
    stale = picked(samples.stale.astype(np.float64), windows.high - 1) > 0
    return picked(samples.values, windows.high - 1), windows.filled & ~stale


def timestamp(samples: Samples, windows: Windows, parameters: tuple[float, ...]) -> Answer:
    """When the sample was taken that `instant` gives, unix seconds."""
    _, present = instant(samples, windows, parameters)
    return picked(samples.ts / 1000, windows.high - 1), present


def total(samples: Samples, windows: Windows, parameters: tuple[float, ...]) -> Answer:
    """The sum."""
    return sums(samples.values, windows), windows.filled


def mean(samples: Samples, windows: Windows, parameters: tuple[float, ...]) -> Answer:
    """The mean, also where the sum is too large for a double."""
    lengths = np.maximum(windows.lengths, 1)
    plain = sums(samples.values, windows) / lengths
    overflown = np.isinf(plain)
    if not overflown.any():
        return plain, windows.filled
    scaled = reduced(np.add, samples.values / 2**20, windows) / lengths * 2**20
    return np.where(overflown, scaled, plain), windows.filled


def count(samples: Samples, windows: Windows, parameters: tuple[float, ...]) -> Answer:
    """How many samples."""
    return windows.lengths.astype(np.float64), windows.filled


def present(samples: Samples, windows: Windows, parameters: tuple[float, ...]) -> Answer:
    """1 where there is any."""
    return np.ones(windows.low.shape), windows.filled


def smallest(samples: Samples, windows: Windows, parameters: tuple[float, ...]) -> Answer:
    """The smallest value; NaN where there is no other."""
    return reduced(np.fmin, samples.values, windows), windows.filled


def largest(samples: Samples, windows: Windows, parameters: tuple[float, ...]) -> Answer:
    """The largest value; NaN where there is no other."""
    return reduced(np.fmax, samples.values, windows), windows.filled


def variance(samples: Samples, windows: Windows, parameters: tuple[float, ...]) -> Answer:
    """The population variance, around the mean."""
    found = np.zeros(windows.low.shape)
    for rows, laid in laid_out(windows):
        values = samples.values[laid.sample]
        lengths = np.maximum(np.bincount(laid.cell, minlength=laid.cells), 1)
        mean_of_cell = laid.sums(values) / lengths
        found[rows] = (laid.sums((values - mean_of_cell[laid.cell]) ** 2) / lengths).reshape(found[rows].shape)
    return found, windows.filled


def deviation(samples: Samples, windows: Windows, parameters: tuple[float, ...]) -> Answer:
    """The population standard deviation."""
    found, filled = variance(samples, windows, parameters)
    return np.sqrt(found), filled


def quantile(samples: Samples, windows: Windows, parameters: tuple[float, ...]) -> Answer:
    """The quantile `parameters[0]`, between neighbouring values."""
    found = np.zeros(windows.low.shape)
    for rows, laid in laid_out(windows):
        found[rows] = _quantile(laid, samples.values[laid.sample], parameters[0]).reshape(found[rows].shape)
    return found, windows.filled


def median_deviation(samples: Samples, windows: Windows, parameters: tuple[float, ...]) -> Answer:
    """The median absolute deviation from the median."""
    found = np.zeros(windows.low.shape)
    for rows, laid in laid_out(windows):
        values = samples.values[laid.sample]
        away = np.abs(values - _quantile(laid, values, 0.5)[laid.cell])
        found[rows] = _quantile(laid, away, 0.5).reshape(found[rows].shape)
    return found, windows.filled


def changes(samples: Samples, windows: Windows, parameters: tuple[float, ...]) -> Answer:
    """How often a value differs from the one before; NaN does not differ from NaN."""
    values = samples.values
    changed = np.zeros(values.size, np.bool_)
    changed[1:] = (values[1:] != values[:-1]) & ~(np.isnan(values[1:]) & np.isnan(values[:-1]))
    return counted(changed & samples.continued, windows).astype(np.float64), windows.filled


def _quantile(laid: Members, values: Floats, q: float) -> Floats:
    lengths = np.bincount(laid.cell, minlength=laid.cells)
    return quantile_of_sorted(laid.sorted_by(values), np.cumsum(lengths) - lengths, lengths, q)
