"""Sums, extremes and sorted values of windows, exactly as if each were summed by itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from spanhouse_query.series.compensated import compensated, doubtful
from spanhouse_query.series.samples import Bools, Floats, Integers, Windows

_ENTRIES = 4_000_000
"""Members of windows that are laid out at once: 32 MB a column."""


def reduced(operation: np.ufunc, values: Floats, windows: Windows) -> Floats:
    """The operation over the values of each window; no meaning where it is empty."""
    if not values.size:
        return np.zeros(windows.low.shape)
    padded = np.append(values, values[-1:])
    pairs = np.stack((windows.low.ravel(), windows.high.ravel()), axis=1).ravel()
    return np.asarray(operation.reduceat(padded, pairs)[::2].reshape(windows.low.shape))


def sums(values: Floats, windows: Windows) -> Floats:
    """The sum of each window, also where large numbers cancel each other out."""
    found = reduced(np.add, values, windows)
    uncertain = windows.filled & doubtful(found, reduced(np.add, np.abs(values), windows))
    if uncertain.any():
        found[uncertain] = compensated(values, windows.low[uncertain], windows.lengths[uncertain])
    return found


def picked(values: Floats | Integers, index: Integers) -> Floats:
    """values[index], and zero where there is none: mask what has no meaning."""
    if not values.size:
        return np.zeros(index.shape)
    return np.asarray(values[np.clip(index, 0, values.size - 1)], dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Members:
    """Windows laid out: of each member its cell, counted row by row from 0, and its sample. cells: how many."""

    cells: int
    cell: Integers
    sample: Integers

    def sums(self, values: Floats) -> Floats:
        """The sum of the members' values by cell."""
        return np.bincount(self.cell, weights=values, minlength=self.cells).astype(np.float64)

    def sorted_by(self, values: Floats) -> Floats:
        """Values by cell, and ascending within it, with NaN first as Prometheus sorts them."""
        nan_first = np.where(np.isnan(values), -np.inf, values)
        return values[np.lexsort((~np.isnan(values), nan_first, self.cell))]


def laid_out(windows: Windows) -> Iterator[tuple[slice, Members]]:
    """Members of the windows, some rows at a time."""
    rows = windows.low.shape[0]
    if not rows:
        return
    by_row = np.cumsum(windows.lengths.sum(axis=1))
    first = 0
    while first < rows:
        before = by_row[first - 1] if first else 0
        last = max(first + 1, int(np.searchsorted(by_row, before + _ENTRIES, side="right")))
        yield slice(first, last), members(windows.low[first:last].ravel(), windows.high[first:last].ravel())
        first = last


def members(low: Integers, high: Integers) -> Members:
    """Of flat stretches [low, high)."""
    lengths = np.maximum(high - low, 0)
    cell = np.repeat(np.arange(low.size), lengths)
    starts = np.cumsum(lengths) - lengths
    sample = np.arange(cell.size) - np.repeat(starts - low, lengths)
    return Members(low.size, cell, sample)


def counted(flags: Bools, windows: Windows) -> Integers:
    """How many samples of each window, beside its first, are flagged."""
    before = np.concatenate(([0], np.cumsum(flags)))
    return np.asarray(
        np.where(windows.filled, before[windows.high] - before[np.minimum(windows.low + 1, flags.size)], 0)
    )
