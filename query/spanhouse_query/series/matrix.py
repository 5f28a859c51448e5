"""Series by steps: what every evaluation gives and takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from spanhouse_query.series.histogram_cells import HistogramCells
from spanhouse_query.series.labels import Labels

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

    @classmethod
    def absent(cls, labels: Sequence[Labels], steps: int) -> Matrix:
        """Series without any number."""
        shape = (len(labels), steps)
        return cls(labels, np.zeros(shape), np.zeros(shape, np.bool_))

    @classmethod
    def of_scalar(cls, values: Floats) -> Matrix:
        """One series without labels, with a number at each step."""
        return cls([{}], values[np.newaxis, :], np.ones((1, values.size), np.bool_))

    @classmethod
    def concatenated(cls, matrices: Sequence[Matrix], steps: int) -> Matrix:
        """The rows of all of them."""
        filled = [matrix for matrix in matrices if len(matrix.labels)]
        if len(filled) <= 1:
            return filled[0] if filled else cls.empty(steps)
        cells = None
        if any(matrix.histograms is not None for matrix in filled):
            cells = HistogramCells.concatenated(
                [matrix.histograms or HistogramCells.empty(matrix.shape) for matrix in filled]
            )
        return cls(
            [labels for matrix in filled for labels in matrix.labels],
            np.concatenate([matrix.values for matrix in filled]),
            np.concatenate([matrix.present for matrix in filled]),
            cells,
        )

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

    def repeated(self, steps: int) -> Matrix:
        """The only step of this matrix as each of many."""
        shape = (len(self.labels), steps)
        values, present = np.broadcast_to(self.values, shape), np.broadcast_to(self.present, shape)
        histograms = None if self.histograms is None else self.histograms.repeated(steps)
        return Matrix(self.labels, values, present, histograms)

    def not_empty(self) -> Matrix:
        """Without the rows that hold nothing."""
        filled = self.occupied.any(axis=1)
        return self if filled.all() else self.take(np.flatnonzero(filled))
