"""Functions of native histograms by window, for each step of each series at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from spanhouse_query.series.histogram_cells import Bools, HistogramCells, Integers
from spanhouse_query.series.histogram_sums import Histograms, Terms, scaled, summed
from spanhouse_query.series.range_functions import counters
from spanhouse_query.series.samples import Samples, Windows
from spanhouse_query.series.steps import Steps
from spanhouse_query.series.window_reduction import members, picked

Answer: TypeAlias = HistogramCells
Compute: TypeAlias = Callable[["NativeSamples", Windows], HistogramCells]


@dataclass(frozen=True, slots=True)
class NativeSamples:
    """Histograms of many series. samples: their instants, with the counts as values. histograms: by sample."""

    samples: Samples
    histograms: Histograms


def newest(native: NativeSamples, windows: Windows) -> Answer:
    """The newest of each window."""
    return _picked(native, windows.high - 1, windows.filled)


def instant(native: NativeSamples, windows: Windows) -> Answer:
    """The newest of each window, unless it says that the series ended."""
    stale = picked(native.samples.stale.astype(np.float64), windows.high - 1) > 0
    return _picked(native, windows.high - 1, windows.filled & ~stale)


def oldest(native: NativeSamples, windows: Windows) -> Answer:
    """The oldest of each window."""
    return _picked(native, windows.low, windows.filled)


def total(native: NativeSamples, windows: Windows) -> Answer:
    """The sum of each window."""
    found = members(windows.low.ravel(), windows.high.ravel())
    return summed(native.histograms, Terms(found.cell, found.sample, np.ones(found.cell.size)), windows.filled)


def mean(native: NativeSamples, windows: Windows) -> Answer:
    """The mean of each window."""
    return scaled(total(native, windows), 1 / np.maximum(windows.lengths, 1))


def increase(native: NativeSamples, windows: Windows) -> Answer:
    """Growth over the window, over restarts, extrapolated as that of a counter by the growth of the count."""
    grown = _grown(native, windows, over_restarts=True)
    return scaled(grown, counters.extrapolation(native.samples, windows, grown.count, counter=True))


def rate(native: NativeSamples, windows: Windows) -> Answer:
    """The same per second."""
    grown = increase(native, windows)
    return scaled(grown, np.full(windows.low.shape, counters.SECOND / windows.window))


def delta(native: NativeSamples, windows: Windows) -> Answer:
    """Difference over the window."""
    moved = _grown(native, windows, over_restarts=False)
    return scaled(moved, counters.extrapolation(native.samples, windows, moved.count, counter=False))


def rate_of_deltas(native: NativeSamples, windows: Windows) -> Answer:
    """What was added per second by points that say so themselves."""
    return scaled(total(native, windows), np.full(windows.low.shape, counters.SECOND / windows.window))


def idelta(native: NativeSamples, windows: Windows) -> Answer:
    """Difference of the last two."""
    pair = Windows(windows.steps, windows.window, np.maximum(windows.low, windows.high - 2), windows.high)
    return _grown(native, pair, over_restarts=False)


def irate(native: NativeSamples, windows: Windows) -> Answer:
    """Growth per second between the last two."""
    pair = Windows(windows.steps, windows.window, np.maximum(windows.low, windows.high - 2), windows.high)
    ts = native.samples.ts
    anew = np.append(restarts(native), False)[np.minimum(pair.high - 1, ts.size)] & (pair.high > 0)
    grown = summed(
        native.histograms,
        Terms.joined([_terms(pair.high - 1, pair.lengths >= 2, 1), _terms(pair.low, (pair.lengths >= 2) & ~anew, -1)]),
        pair.lengths >= 2,
    )
    return scaled(grown, counters.SECOND / (picked(ts, pair.high - 1) - picked(ts, pair.low)))


def restarts(native: NativeSamples) -> Bools:
    """Where a histogram began anew: a count fell, the scale rose, the zero bucket shrank, or it says so."""
    samples, histograms = native.samples, native.histograms
    continued = samples.continued
    places = np.flatnonzero(continued)
    if not places.size:
        return continued
    fell = np.zeros(continued.size, np.bool_)
    fell[places] = (histograms.scale[places] > histograms.scale[places - 1]) | (
        histograms.zero_threshold[places] < histograms.zero_threshold[places - 1]
    )
    one = np.ones(places.size)
    cells = np.arange(places.size)
    terms = Terms.joined([Terms(cells, places, one), Terms(cells, places - 1, -one)])
    change = summed(histograms, terms, np.ones((1, places.size), np.bool_))
    fell[places] |= (change.count < 0).ravel() | (change.zero_count < 0).ravel()
    fell[places[change.buckets.cell[change.buckets.count < 0]]] = True
    if samples.started is not None:
        fell[places] |= samples.started[places] > samples.ts[places - 1]
    return fell


def _grown(native: NativeSamples, windows: Windows, *, over_restarts: bool) -> HistogramCells:
    enough = windows.lengths >= 2
    terms = [_terms(windows.high - 1, enough, 1), _terms(windows.low, enough, -1)]
    if over_restarts and (places := np.flatnonzero(restarts(native))).size:
        low, high = np.searchsorted(places, windows.low + 1), np.searchsorted(places, windows.high)
        lost = members(low.ravel(), high.ravel())
        terms.append(Terms(lost.cell, places[lost.sample] - 1, np.ones(lost.cell.size)))
    return summed(native.histograms, Terms.joined(terms), enough)


def _picked(native: NativeSamples, sample: Integers, there: Bools) -> HistogramCells:
    return summed(native.histograms, _terms(sample, there, 1), there)


def _terms(sample: Integers, there: Bools, weight: float) -> Terms:
    cells = np.flatnonzero(there)
    return Terms(cells, sample.ravel()[cells], np.full(cells.size, float(weight)))


_FUNCTIONS: Mapping[str, Compute] = {
    "instant": instant,
    "last_over_time": newest,
    "first_over_time": oldest,
    "sum_over_time": total,
    "avg_over_time": mean,
    "increase": increase,
    "rate": rate,
    "irate": irate,
    "idelta": idelta,
    "delta": delta,
}
_OF_DELTAS: Mapping[str, Compute] = {"increase": total, "rate": rate_of_deltas, "irate": idelta}

# Functions that ask only whether or when there are samples give numbers for histograms too.
NUMBERS = frozenset({"timestamp", "count_over_time", "present_over_time"})


def apply_native(
    name: str, native: NativeSamples, steps: Steps, window: int, *, deltas: bool = False
) -> HistogramCells | None:
    """Histograms by row and step of a function; None where it has no meaning for histograms. window: milliseconds."""
    compute = (_OF_DELTAS.get(name) if deltas else None) or _FUNCTIONS.get(name)
    if compute is None:
        return None
    seen = native if name == "instant" else without_markers(native)
    with np.errstate(all="ignore"):
        return compute(seen, Windows.over(seen.samples, steps, window))


def as_they_are(native: NativeSamples) -> HistogramCells:
    """One row, with a cell for each sample."""
    every = np.ones((1, native.samples.ts.size), np.bool_)
    return _picked(native, np.arange(native.samples.ts.size), every)


def without_markers(native: NativeSamples) -> NativeSamples:
    """Without the samples that say that a series ended."""
    stale = native.samples.stale
    if not stale.any():
        return native
    return NativeSamples(native.samples.only(~stale), native.histograms.take(np.flatnonzero(~stale)))
