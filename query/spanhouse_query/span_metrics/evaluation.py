"""The counts of a metric laid out as counters, some series at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from spanhouse_query.series.labels import NAME, LabelKey, Labels
from spanhouse_query.span_metrics.counters import Table
from spanhouse_query.span_metrics.durations import LES, classic_columns, native_indices, zeros
from spanhouse_query.span_metrics.names import SpanMetric
from spanhouse_query.span_metrics.natives import Natives
from spanhouse_query.span_metrics.numbers import Numbers
from spanhouse_query.span_metrics.reading import Counts
from spanhouse_query.span_metrics.timeline import Timeline

Part: TypeAlias = Callable[[], Numbers | Natives]

_AT_ONCE = 4_000_000
"""Numbers that are laid out at once: 32 MB."""


def laid_out(
    metric: SpanMetric,
    timeline: Timeline,
    counts: Counts,
    steps: int,
    les: Sequence[str],
    key: LabelKey | None = None,
) -> Sequence[Part]:
    """Parts that are laid out when they are called, all of different series.

    les: the bounds of classic histograms that are wanted. key: what to sum rates by. Counters are summed before their
    growth is known, because one that is not there at a step has not grown.
    """
    if metric.part == "bucket" and not les:
        return []
    added: Labels = {"le": "+Inf"} if metric.part == "bucket" else {}
    together = key is not None and bool(added) and not added.items() <= key(added).items()
    counts = counts.summed(_key_of_counts(metric, key, added))
    indices = np.unique(native_indices(counts.key[~zeros(counts.key)])) if metric.part == "histogram" else None
    width = len(LES) if metric.part == "bucket" else 1 if indices is None else indices.size + 2
    size = max(1, _AT_ONCE // (max(timeline.cells, steps) * width))

    def part(first: int) -> Part:
        rows = (first, min(first + size, len(counts.labels)))
        labels = counts.labels[slice(*rows)]
        if indices is not None:
            return lambda: _natives(labels, timeline, counts, rows, indices)
        if metric.part == "bucket":
            return lambda: _classic(labels, timeline, counts, rows, les, together=together)
        return lambda: Numbers(labels, Table.of_values(timeline, counts, *rows), {0: {}})

    return [part(first) for first in range(0, len(counts.labels), size)]


def _key_of_counts(metric: SpanMetric, key: LabelKey | None, added: Labels) -> LabelKey:
    def of_counts(labels: Labels) -> Labels:
        named = {NAME: metric.name, **labels}
        if key is None:
            return named
        return {name: value for name, value in key({**named, **added}).items() if name not in added}

    return of_counts


def _classic(
    labels: Sequence[Labels],
    timeline: Timeline,
    counts: Counts,
    rows: tuple[int, int],
    les: Sequence[str],
    *,
    together: bool,
) -> Numbers:
    table = Table.of(timeline, counts, *rows, classic_columns(counts.key), len(LES))
    return Numbers(labels, table.upwards(), {LES.index(name): {"le": name} for name in les}, together)


def _natives(
    labels: Sequence[Labels], timeline: Timeline, counts: Counts, rows: tuple[int, int], indices: NDArray[np.int64]
) -> Natives:
    columns = np.zeros(counts.key.size, np.int64)
    some = ~zeros(counts.key)
    columns[some] = np.searchsorted(indices, native_indices(counts.key[some])) + 1
    buckets = Table.of(timeline, counts, *rows, columns, indices.size + 1)
    return Natives(labels, Table.of_values(timeline, counts, *rows).beside(buckets), indices)
