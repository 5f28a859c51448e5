"""Functions of counters by step: growth straight from the counts, all others from samples."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spanhouse_query.series.histogram_cells import Buckets, HistogramCells
from spanhouse_query.series.histogram_sums import Histograms
from spanhouse_query.series.labels import NAME, Labels
from spanhouse_query.series.matrix import Matrix
from spanhouse_query.series.native_functions import NUMBERS, NativeSamples, apply_native
from spanhouse_query.series.range_functions import apply
from spanhouse_query.series.samples import Samples
from spanhouse_query.series.source import Leaf, RawSeries
from spanhouse_query.series.stored.raw import raw_histograms, raw_numbers
from spanhouse_query.span_metrics.counters import LOOKBACK, Floats, Table
from spanhouse_query.span_metrics.durations import LES, SCALE, classic_columns, native_indices, zeros
from spanhouse_query.span_metrics.names import SpanMetric
from spanhouse_query.span_metrics.reading import Counts
from spanhouse_query.span_metrics.timeline import Timeline

GROWTH = frozenset({"rate", "increase", "present_over_time"})
"""Functions that need no samples: what a counter grew by is known better than these tell."""

_AT_ONCE = 4_000_000
"""Numbers that are laid out at once: 32 MB."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """A table of numbers. labels: (series x columns), series by series. kept: the columns that are wanted."""

    labels: Sequence[Labels]
    table: Table
    kept: NDArray[np.intp]

    def matrix(self, leaf: Leaf) -> Matrix:
        """The leaf, a row for each series and column."""
        rows, steps = len(self.labels), leaf.steps
        if leaf.function not in GROWTH:
            values, present = apply(leaf.function, self.samples(), steps, leaf.window, leaf.parameters)
            return Matrix(self.labels, values, present).not_empty()
        there = np.repeat(_there(self.table, leaf), self.kept.size, axis=0)
        if leaf.function == "present_over_time":
            return Matrix(self.labels, np.ones(there.shape), there).not_empty()
        found = self.table.growth(steps, leaf.window)[:, :, self.kept] * _per_second(leaf)
        return Matrix(self.labels, found.transpose(0, 2, 1).reshape(rows, steps.count), there).not_empty()

    def samples(self) -> Samples:
        """A row for each series and column."""
        found = self.table.cumulative()[:, :, self.kept]
        return self.table.samples(found.transpose(0, 2, 1).reshape(len(self.labels), -1))

    def raw(self, after: int, until: int) -> Iterable[RawSeries]:
        """Its samples in (after, until]."""
        samples = self.samples()
        return raw_numbers(self.labels, samples.only((samples.ts > after) & (samples.ts <= until)))


@dataclass(frozen=True, slots=True)
class Natives:
    """Tables of native histograms. buckets: its columns are zeros first, then those of `indices`. sums: seconds."""

    labels: Sequence[Labels]
    buckets: Table
    sums: Table
    indices: NDArray[np.int64]

    def matrix(self, leaf: Leaf) -> Matrix:
        """The leaf, a row for each series."""
        steps = leaf.steps
        if leaf.function in GROWTH:
            there = _there(self.buckets, leaf)
            if leaf.function == "present_over_time":
                return Matrix(self.labels, np.ones(there.shape), there).not_empty()
            grown, total = (table.growth(steps, leaf.window) for table in (self.buckets, self.sums))
            return self._of_cells(self._cells(grown * _per_second(leaf), total * _per_second(leaf), there))
        native = self.samples()
        if leaf.function in NUMBERS:
            values, present = apply(leaf.function, native.samples, steps, leaf.window, leaf.parameters)
            return Matrix(self.labels, values, present).not_empty()
        cells = apply_native(leaf.function, native, steps, leaf.window)
        return Matrix.empty(steps.count) if cells is None else self._of_cells(cells)

    def samples(self) -> NativeSamples:
        """A histogram for each sample."""
        active = self.buckets.active
        cells = self._cells(self.buckets.cumulative(), self.sums.cumulative(), active)
        samples = self.buckets.samples(cells.count)
        return NativeSamples(samples, Histograms.of_cells(cells).take(np.flatnonzero(active)))

    def raw(self, after: int, until: int) -> Iterable[RawSeries]:
        """Its samples in (after, until]."""
        native = self.samples()
        kept = (native.samples.ts > after) & (native.samples.ts <= until)
        within = NativeSamples(native.samples.only(kept), native.histograms.take(np.flatnonzero(kept)))
        return raw_histograms(self.labels, within)

    def _of_cells(self, cells: HistogramCells) -> Matrix:
        empty = Matrix.absent(self.labels, cells.present.shape[1])
        return Matrix(self.labels, empty.values, empty.present, cells).not_empty()

    def _cells(self, buckets: Floats, sums: Floats, there: NDArray[np.bool_]) -> HistogramCells:
        """Of (series, steps, columns)."""
        row, step, column = np.nonzero((buckets[:, :, 1:] > 0) & there[:, :, np.newaxis])
        entries = Buckets(
            row * there.shape[1] + step,
            np.ones(row.size, np.int64),
            self.indices[column],
            buckets[row, step, column + 1],
        )
        return HistogramCells(
            present=there,
            count=buckets.sum(axis=2),
            sum=sums[:, :, 0],
            zero_count=buckets[:, :, 0],
            zero_threshold=np.zeros(there.shape),
            scale=np.full(there.shape, SCALE, np.int64),
            buckets=entries,
        )


def laid_out(
    metric: SpanMetric, timeline: Timeline, counts: Counts, steps: int, les: Sequence[str]
) -> Sequence[Callable[[], Numbers | Natives]]:
    """Some series at a time. les: the bounds of classic histograms that are wanted."""
    indices = np.unique(native_indices(counts.key[~zeros(counts.key)])) if metric.part == "histogram" else None
    width = len(LES) if metric.part == "bucket" else 1 if indices is None else indices.size + 1
    size = max(1, _AT_ONCE // (max(timeline.cells, steps) * width))

    def part(first: int) -> Callable[[], Numbers | Natives]:
        last = min(first + size, len(counts.labels))
        labels = [{NAME: metric.name, **one} for one in counts.labels[first:last]]
        if indices is not None:
            return lambda: _natives(labels, timeline, counts, (first, last), indices)
        if metric.part == "bucket":
            return lambda: _classic(labels, timeline, counts, (first, last), les)
        return lambda: Numbers(labels, Table.of_values(timeline, counts, first, last), np.zeros(1, np.intp))

    return [part(first) for first in range(0, len(counts.labels), size)]


def _classic(
    labels: Sequence[Labels], timeline: Timeline, counts: Counts, rows: tuple[int, int], les: Sequence[str]
) -> Numbers:
    table = Table.of(timeline, counts, *rows, classic_columns(counts.key), len(LES)).upwards()
    kept = np.array([place for place, name in enumerate(LES) if name in les], np.intp)
    return Numbers([{**one, "le": LES[place]} for one in labels for place in kept], table, kept)


def _natives(
    labels: Sequence[Labels],
    timeline: Timeline,
    counts: Counts,
    rows: tuple[int, int],
    indices: NDArray[np.int64],
) -> Natives:
    columns = np.zeros(counts.key.size, np.int64)
    some = ~zeros(counts.key)
    columns[some] = np.searchsorted(indices, native_indices(counts.key[some])) + 1
    buckets = Table.of(timeline, counts, *rows, columns, indices.size + 1)
    return Natives(labels, buckets, Table.of_values(timeline, counts, *rows), indices)


def windows_of(leaf: Leaf) -> Mapping[str, int]:
    """The windows of growth and of presence, milliseconds: a series stays for a while after it last grew."""
    own = leaf.window
    return {"growth": own, "presence": own if leaf.function == "present_over_time" else max(own, LOOKBACK)}


def _there(table: Table, leaf: Leaf) -> NDArray[np.bool_]:
    return table.present(leaf.steps, windows_of(leaf)["presence"])


def _per_second(leaf: Leaf) -> float:
    return 1000 / leaf.window if leaf.function == "rate" else 1.0
