"""Counters that are native histograms."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spanhouse_query.series.histogram_cells import Buckets, HistogramCells
from spanhouse_query.series.histogram_sums import Histograms
from spanhouse_query.series.labels import Labels
from spanhouse_query.series.matrix import Matrix
from spanhouse_query.series.native_functions import NUMBERS, NativeSamples, apply_native
from spanhouse_query.series.range_functions import apply
from spanhouse_query.series.source import Leaf, RawSeries
from spanhouse_query.series.stored.raw import raw_histograms
from spanhouse_query.span_metrics.counters import Bools, Floats, Table
from spanhouse_query.span_metrics.durations import SCALE
from spanhouse_query.span_metrics.growing import RATES, Grown


@dataclass(frozen=True, slots=True)
class Natives:
    """labels: of the series of the table, whose columns are the sum in seconds, zeros, and those of `indices`."""

    labels: Sequence[Labels]
    table: Table
    indices: NDArray[np.int64]

    def matrix(self, leaf: Leaf) -> Matrix:
        """The leaf, a row for each series."""
        if leaf.function in RATES:
            grown = Grown.of(self.labels, self.table, leaf)
            return _matrix(grown.labels, self._cells(grown.values, grown.there))
        if leaf.function == "present_over_time":
            grown = Grown.of(self.labels, self.table, leaf)
            return Matrix(grown.labels, grown.values[:, :, 0], grown.there).not_empty()
        native = self.samples()
        if leaf.function in NUMBERS:
            values, present = apply(leaf.function, native.samples, leaf.steps, leaf.window, leaf.parameters)
            return Matrix(self.labels, values, present).not_empty()
        cells = apply_native(leaf.function, native, leaf.steps, leaf.window)
        return Matrix.empty(leaf.steps.count) if cells is None else _matrix(self.labels, cells)

    def samples(self) -> NativeSamples:
        """A histogram for each sample."""
        cells = self._cells(self.table.cumulative(), self.table.active)
        samples = self.table.samples(cells.count)
        return NativeSamples(samples, Histograms.of_cells(cells).take(np.flatnonzero(self.table.active)))

    def raw(self, after: int, until: int) -> Iterable[RawSeries]:
        """Its samples in (after, until]."""
        native = self.samples()
        kept = (native.samples.ts > after) & (native.samples.ts <= until)
        within = NativeSamples(native.samples.only(kept), native.histograms.take(np.flatnonzero(kept)))
        return raw_histograms(self.labels, within)

    def _cells(self, values: Floats, there: Bools) -> HistogramCells:
        """Histograms of (series, steps, columns)."""
        row, step, column = np.nonzero((values[:, :, 2:] > 0) & there[:, :, np.newaxis])
        entries = Buckets(
            row * there.shape[1] + step,
            np.ones(row.size, np.int64),
            self.indices[column],
            values[row, step, column + 2],
        )
        return HistogramCells(
            present=there,
            count=values[:, :, 1:].sum(axis=2),
            sum=values[:, :, 0],
            zero_count=values[:, :, 1],
            zero_threshold=np.zeros(there.shape),
            scale=np.full(there.shape, SCALE, np.int64),
            buckets=entries,
        )


def _matrix(labels: Sequence[Labels], cells: HistogramCells) -> Matrix:
    empty = Matrix.absent(labels, cells.present.shape[1])
    return Matrix(labels, empty.values, empty.present, cells).not_empty()
