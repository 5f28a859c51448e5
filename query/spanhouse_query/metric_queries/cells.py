"""Numbers by group and window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spanhouse_query.metric_queries.members import Keys

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Cells:
    """values: float64 (rows, windows), no meaning where not present. NaN is a value that was sent, or made of one."""

    values: Floats
    present: Bools

    @classmethod
    def nothing(cls, rows: int, windows: int) -> Cells:
        """No value anywhere."""
        return cls(np.zeros((rows, windows)), np.zeros((rows, windows), np.bool_))

    @property
    def known(self) -> Floats:
        """The values, NaN where there is none."""
        return np.where(self.present, self.values, np.nan)

    def put(self, row: int, window: int, value: float | None) -> None:
        """Set one cell, where there is a value."""
        if value is not None:
            self.values[row, window], self.present[row, window] = value, True

    def plus(self, other: Cells) -> Cells:
        """The sum where both have a value, and what there is where one has."""
        values = np.where(self.present, self.values, 0.0) + np.where(other.present, other.values, 0.0)
        return Cells(values, self.present | other.present)

    def take(self, rows: Integers) -> Cells:
        """These rows."""
        return Cells(self.values[rows], self.present[rows])

    def last(self, windows: int) -> Cells:
        """Only the last so many windows."""
        return Cells(self.values[:, -windows:], self.present[:, -windows:])


@dataclass(frozen=True, slots=True)
class Answered:
    """What a query found. groups: a row each. truncated: whether there are more, beyond the limit.

    low, high: what bounds each value, where it is an estimate.
    """

    groups: Sequence[Keys]
    cells: Cells
    truncated: bool = False
    low: Cells | None = None
    high: Cells | None = None
