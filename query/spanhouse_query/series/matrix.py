"""Series by steps: what every evaluation gives and takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from spanhouse_query.series.histogram_cells import HistogramCells
from spanhouse_query.series.labels import LabelKey, Labels

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Matrix:
    """One row a series and one column a step, or one column alone.

    values: float64 (series, steps), undefined where not present. present: where there is a number; NaN is one.
    histograms: cells that hold a native histogram instead, None where there are none.
    """

    labels: Sequence[Labels]
    values: Floats
    present: Bools
    histograms: HistogramCells | None = None

    @classmethod
    def empty(cls, steps: int) -> Matrix:
        """No series."""
        return cls([], np.empty((0, steps)), np.empty((0, steps), np.bool_))

    @property
    def shape(self) -> tuple[int, int]:
        """(series, steps)."""
        rows, columns = self.values.shape
        return rows, columns

    @property
    def occupied(self) -> Bools:
        """Where there is a number or a histogram."""
        return self.present if self.histograms is None else self.present | self.histograms.present

    def take(self, rows: NDArray[np.intp]) -> Matrix:
        """Only these rows, in this order."""
        return Matrix(
            [self.labels[row] for row in rows],
            self.values[rows],
            self.present[rows],
            None if self.histograms is None else self.histograms.take(rows),
        )

    def where(self, kept: Bools) -> Matrix:
        """Only these cells."""
        histograms = None if self.histograms is None else self.histograms.where(kept)
        return replace(self, present=self.present & kept, histograms=histograms)

    def relabelled(self, key: LabelKey) -> Matrix:
        """The same with other labels."""
        return replace(self, labels=[key(labels) for labels in self.labels])

    def not_empty(self) -> Matrix:
        """Without the rows that hold nothing."""
        filled = self.occupied.any(axis=1)
        return self if filled.all() else self.take(np.flatnonzero(filled))
