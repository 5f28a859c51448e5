"""Counters that are numbers: one a series, or one for each bound of a classic histogram."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from spanhouse_query.series.labels import Labels
from spanhouse_query.series.matrix import Matrix
from spanhouse_query.series.range_functions import apply
from spanhouse_query.series.samples import Samples
from spanhouse_query.series.source import Leaf, RawSeries
from spanhouse_query.series.stored.raw import raw_numbers
from spanhouse_query.span_metrics.counters import Floats, Table
from spanhouse_query.span_metrics.growing import GROWTH, RATES, Grown


@dataclass(frozen=True, slots=True)
class Numbers:
    """labels: of the series of the table. columns: by place in the table those that are wanted, with what each adds.

    together: whether rates of the columns are added up.
    """

    labels: Sequence[Labels]
    table: Table
    columns: Mapping[int, Labels]
    together: bool = False

    def matrix(self, leaf: Leaf) -> Matrix:
        """The leaf, a row for each series and column."""
        if leaf.function not in GROWTH:
            values, present = apply(leaf.function, self.samples(), leaf.steps, leaf.window, leaf.parameters)
            return Matrix(self._rows(self.labels), values, present).not_empty()
        grown = Grown.of(self.labels, self.table, leaf)
        if leaf.function not in RATES:
            return self._matrix(grown, np.repeat(grown.values, len(self.columns), axis=2))
        if self.together:
            return Matrix(self.labels, self._wanted(grown.values).sum(axis=2), grown.there).not_empty()
        return self._matrix(grown, self._wanted(grown.values))

    def samples(self) -> Samples:
        """A row for each series and column."""
        found = self._wanted(self.table.cumulative())
        return self.table.samples(_flat(found))

    def raw(self, after: int, until: int) -> Iterable[RawSeries]:
        """Its samples in (after, until]."""
        samples = self.samples()
        return raw_numbers(self._rows(self.labels), samples.only((samples.ts > after) & (samples.ts <= until)))

    def _matrix(self, grown: Grown, values: Floats) -> Matrix:
        there = np.repeat(grown.there, len(self.columns), axis=0)
        return Matrix(self._rows(grown.labels), _flat(values), there).not_empty()

    def _wanted(self, values: Floats) -> Floats:
        return values if len(self.columns) == values.shape[2] else values[:, :, list(self.columns)]

    def _rows(self, labels: Sequence[Labels]) -> list[Labels]:
        return [{**own, **added} for own in labels for added in self.columns.values()]


def _flat(values: Floats) -> Floats:
    """(series, steps, columns) as (series x columns, steps)."""
    series, steps, columns = values.shape
    return values.transpose(0, 2, 1).reshape(series * columns, steps)
