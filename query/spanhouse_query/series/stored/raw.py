"""Samples as they are, series by series."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from spanhouse_query.series.labels import Labels
from spanhouse_query.series.native_functions import NativeSamples, as_they_are
from spanhouse_query.series.samples import Samples
from spanhouse_query.series.source import RawSeries


def raw_numbers(labels: Sequence[Labels], samples: Samples) -> Iterator[RawSeries]:
    """Rows that have any sample but markers that they ended."""
    seen = samples.only(~samples.stale)
    for row, (first, last) in enumerate(_stretches(seen)):
        if first < last:
            yield RawSeries(labels[row], seen.ts[first:last], seen.values[first:last])


def raw_histograms(labels: Sequence[Labels], native: NativeSamples) -> Iterator[RawSeries]:
    """Rows of histograms, without markers."""
    for row, (first, last) in enumerate(_stretches(native.samples)):
        if first < last:
            places = np.arange(first, last)
            kept = NativeSamples(native.samples.only(native.samples.row == row), native.histograms.take(places))
            yield RawSeries(labels[row], native.samples.ts[first:last], np.zeros(0), as_they_are(kept))


def _stretches(samples: Samples) -> list[tuple[int, int]]:
    ends = np.searchsorted(samples.row, np.arange(samples.rows + 1))
    return list(zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True))
