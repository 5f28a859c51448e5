"""Aggregation over series at each step, of matrices that come one after another."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from spanhouse_query.series.compensated import compensated, doubtful
from spanhouse_query.series.histogram_cells import HistogramCells
from spanhouse_query.series.histogram_sums import Histograms, Terms, scaled, summed
from spanhouse_query.series.labels import Identity, LabelKey, Labels, identity
from spanhouse_query.series.matrix import Floats, Matrix
from spanhouse_query.series.source import Aggregation, Grouping

# An absent number is left out by what it is taken for: zero adds nothing, and fmin and fmax pass over NaN.
_OPERATIONS: dict[Aggregation, tuple[np.ufunc, float]] = {
    "sum": (np.add, 0.0),
    "avg": (np.add, 0.0),
    "count": (np.add, 0.0),
    "group": (np.add, 0.0),
    "min": (np.fmin, np.nan),
    "max": (np.fmax, np.nan),
}
_OF_HISTOGRAMS = ("sum", "avg")


@dataclass(frozen=True, slots=True)
class _Partial:
    """Groups so far. matrix: sums or extremes. numbers, histograms: (groups, steps) of how many."""

    matrix: Matrix
    numbers: Floats
    histograms: Floats


class Groups:
    """What matrices amount to: all their rows without a grouping, else a row a group. steps: of all of them."""

    def __init__(self, steps: int, grouping: Grouping | None) -> None:
        self._steps = steps
        self._grouping = grouping
        self._rows: list[Matrix] = []
        self._partial: _Partial | None = None

    @property
    def rows(self) -> int:
        """How many rows there are so far."""
        if self._partial is not None:
            return len(self._partial.matrix.labels)
        return sum(len(matrix.labels) for matrix in self._rows)

    def add(self, matrix: Matrix) -> None:
        """Take these rows in."""
        if self._grouping is None:
            self._rows.append(matrix)
            return
        counted = _Partial(matrix, matrix.present.astype(np.float64), _histograms_present(matrix))
        found = _grouped(counted, self._grouping.aggregation, self._grouping.key)
        if self._partial is not None:
            joined = _Partial(
                Matrix.concatenated([self._partial.matrix, found.matrix], self._steps),
                np.concatenate((self._partial.numbers, found.numbers)),
                np.concatenate((self._partial.histograms, found.histograms)),
            )
            found = _grouped(joined, self._grouping.aggregation, lambda labels: labels)
        self._partial = found

    def matrix(self) -> Matrix:
        """All that was added."""
        if self._partial is None or self._grouping is None:
            return Matrix.concatenated(self._rows, self._steps)
        return _finished(self._partial, self._grouping.aggregation).not_empty()


def grouped(matrix: Matrix, grouping: Grouping) -> Matrix:
    """The aggregation over the rows of one matrix."""
    groups = Groups(matrix.shape[1], grouping)
    groups.add(matrix)
    return groups.matrix()


def group_rows(matrix: Matrix, key: LabelKey) -> tuple[list[Labels], NDArray[np.int64]]:
    """The labels of the groups, and of each row the number of its group."""
    numbers: dict[Identity, int] = {}
    labels: list[Labels] = []
    group = np.empty(len(matrix.labels), np.int64)
    for row, own in enumerate(matrix.labels):
        kept = key(own)
        number = numbers.setdefault(identity(kept), len(labels))
        if number == len(labels):
            labels.append(kept)
        group[row] = number
    return labels, group


def _histograms_present(matrix: Matrix) -> Floats:
    if matrix.histograms is None:
        return np.zeros(matrix.shape)
    return matrix.histograms.present.astype(np.float64)


def _grouped(partial: _Partial, aggregation: Aggregation, key: LabelKey) -> _Partial:
    matrix = partial.matrix
    labels, group = group_rows(matrix, key)
    if not labels:
        return _Partial(Matrix.empty(matrix.shape[1]), partial.numbers, partial.histograms)
    operation, neutral = _OPERATIONS[aggregation]
    order = np.argsort(group, kind="stable")
    firsts = np.searchsorted(group[order], np.arange(len(labels)))
    with np.errstate(all="ignore"):
        added = np.where(matrix.present, matrix.values, neutral)[order]
        values = operation.reduceat(added, firsts, axis=0)
        if operation is np.add:
            values = _put_right(values, added, firsts)
    numbers = np.add.reduceat(partial.numbers[order], firsts, axis=0)
    histograms = np.add.reduceat(partial.histograms[order], firsts, axis=0)
    cells = None
    if matrix.histograms is not None and aggregation in _OF_HISTOGRAMS:
        cells = _histogram_sums(matrix.histograms, group, len(labels))
    return _Partial(Matrix(labels, values, numbers > 0, cells), numbers, histograms)


def _put_right(values: Floats, added: Floats, firsts: NDArray[np.int64]) -> Floats:
    """Sums by group and step of rows in which large numbers cancel each other out. added: the rows, group by group."""
    uncertain = doubtful(values, np.add.reduceat(np.abs(added), firsts, axis=0))
    if uncertain.any():
        group, step = np.nonzero(uncertain)
        counts = np.diff(np.append(firsts, len(added)))[group]
        steps = added.shape[1]
        values[uncertain] = compensated(added.ravel(), firsts[group] * steps + step, counts, stride=steps)
    return values


def _histogram_sums(cells: HistogramCells, group: NDArray[np.int64], groups: int) -> HistogramCells:
    steps = cells.present.shape[1]
    filled = np.flatnonzero(cells.present)
    row, step = np.divmod(filled, steps)
    terms = Terms(group[row] * steps + step, filled, np.ones(filled.size))
    present = np.zeros((groups, steps), np.bool_)
    present.ravel()[terms.cell] = True
    return summed(Histograms.of_cells(cells), terms, present)


def _finished(partial: _Partial, aggregation: Aggregation) -> Matrix:
    """Numbers and histograms in one group have no sum: Prometheus leaves both out."""
    matrix, both = partial.matrix, partial.numbers + partial.histograms
    if aggregation == "count":
        return replace(matrix, values=both, present=both > 0, histograms=None)
    if aggregation == "group":
        return replace(matrix, values=np.ones(both.shape), present=both > 0, histograms=None)
    if aggregation not in _OF_HISTOGRAMS:
        return replace(matrix, histograms=None)
    mixed = (partial.numbers > 0) & (partial.histograms > 0)
    found = matrix.where(~mixed) if mixed.any() else matrix
    if aggregation == "sum":
        return found
    with np.errstate(all="ignore"):
        cells = None if found.histograms is None else scaled(found.histograms, 1 / np.maximum(partial.histograms, 1))
        return replace(found, values=found.values / np.maximum(partial.numbers, 1), histograms=cells)
