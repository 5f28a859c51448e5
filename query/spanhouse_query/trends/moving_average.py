"""The moving average of a series."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def moving_average(values: Floats, steps: int) -> Floats:
    """The mean of each value and of up to `steps` - 1 before it. NaN is a step without a value and does not count.

    values: (..., steps in time). A step has an average where one of those it spans has a value; the first ones span
    fewer.
    """
    present = ~np.isnan(values)
    sums = _trailing(np.where(present, values, 0.0), steps)
    counts = _trailing(present.astype(np.float64), steps)
    averages = np.full(values.shape, np.nan)
    np.divide(sums, counts, out=averages, where=counts > 0)
    return averages


def _trailing(values: Floats, steps: int) -> Floats:
    """Sums over each window, put together from sums over 1, 2, 4, … steps.

    The difference of running totals would carry the rounding of large values to all that come after them.
    """
    total, covered = np.zeros_like(values), 0
    block, length = values, 1
    while length <= steps:
        if steps & length:
            total = total + _later(block, covered)
            covered += length
        block, length = block + _later(block, length), 2 * length
    return total


def _later(values: Floats, steps: int) -> Floats:
    """Moved by so many steps; zeros come in."""
    moved = np.zeros_like(values)
    size = values.shape[-1]
    if steps < size:
        moved[..., steps:] = values[..., : size - steps]
    return moved
