"""Rows whose labels become the same."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from spanhouse_query.series.grouped import group_rows
from spanhouse_query.series.histogram_cells import HistogramCells
from spanhouse_query.series.histogram_sums import Histograms, Terms, summed
from spanhouse_query.series.labels import LabelKey, Labels, identity
from spanhouse_query.series.matrix import Matrix


class SameLabels(Exception):
    """Two series would have the same labels at one step. labels: those; rows: of the series."""

    def __init__(self, labels: Labels, rows: NDArray[np.intp]) -> None:
        super().__init__("vector cannot contain metrics with the same labelset")
        self.labels = labels
        self.rows = rows


def relabelled(matrix: Matrix, key: LabelKey) -> Matrix:
    """The matrix with other labels, rows that now have the same joined. Raises SameLabels where both have something."""
    labels = [key(own) for own in matrix.labels]
    if len({identity(own) for own in labels}) == len(labels):
        return replace(matrix, labels=labels)
    return joined(matrix, *group_rows(matrix, key))


def joined(matrix: Matrix, labels: list[Labels], group: NDArray[np.int64]) -> Matrix:
    """One row a group, as `group_rows` numbers them. Raises SameLabels where two of its rows have something at once."""
    if len(labels) == len(group):
        return replace(matrix, labels=labels)
    steps = matrix.shape[1]
    occupied = np.zeros((len(labels), steps), np.int64)
    np.add.at(occupied, group, matrix.occupied)
    if (twice := (occupied > 1).any(axis=1)).any():
        first = int(np.flatnonzero(twice)[0])
        raise SameLabels(labels[first], np.flatnonzero(group == first))
    values = np.zeros((len(labels), steps))
    rows, columns = np.nonzero(matrix.present)
    values[group[rows], columns] = matrix.values[rows, columns]
    present = np.zeros((len(labels), steps), np.bool_)
    present[group[rows], columns] = True
    cells = None if matrix.histograms is None else _joined_histograms(matrix.histograms, group, len(labels))
    return Matrix(labels, values, present, cells)


def _joined_histograms(cells: HistogramCells, group: NDArray[np.int64], groups: int) -> HistogramCells:
    steps = cells.present.shape[1]
    filled = np.flatnonzero(cells.present)
    row, step = np.divmod(filled, steps)
    terms = Terms(group[row] * steps + step, filled, np.ones(filled.size))
    present = np.zeros((groups, steps), np.bool_)
    present.ravel()[terms.cell] = True
    return summed(Histograms.of_cells(cells), terms, present)
