"""Functions of what counts up: rate, increase and what is like them, with Prometheus' extrapolation."""

from __future__ import annotations

import numpy as np

from spanhouse_query.series.matrix import Bools, Floats
from spanhouse_query.series.samples import Integers, Samples, Windows
from spanhouse_query.series.window_reduction import counted, members, picked, reduced

SECOND = 1000.0


def restarts(samples: Samples) -> Bools:
    """Where a counter began anew: it fell, or it says that it started after the sample before."""
    found = samples.continued
    fell = np.zeros(found.size, np.bool_)
    fell[1:] = samples.values[1:] < samples.values[:-1]
    if samples.started is not None:
        fell[1:] |= samples.started[1:] > samples.ts[:-1]
    return np.asarray(fell & found)


def lost_before(samples: Samples) -> tuple[Integers, Floats]:
    """At which samples a counter began anew, and what it had counted until then."""
    places = np.flatnonzero(restarts(samples))
    return places, samples.values[places - 1]


def growth(samples: Samples, windows: Windows) -> Floats:
    """From the first to the last sample of each window, over restarts; no meaning for less than two."""
    grown = picked(samples.values, windows.high - 1) - picked(samples.values, windows.low)
    places, lost = lost_before(samples)
    if places.size:
        low, high = np.searchsorted(places, windows.low + 1), np.searchsorted(places, windows.high)
        some = np.flatnonzero(high.ravel() > low.ravel())
        found = members(low.ravel()[some], high.ravel()[some])
        grown.ravel()[some] += found.sums(lost[found.sample])
    return grown


def extrapolation(samples: Samples, windows: Windows, grown: Floats, *, counter: bool) -> Floats:
    """By what to multiply growth, so that it is that of the whole window (Prometheus 3's `extrapolatedRate`)."""
    first, last = picked(samples.ts, windows.low), picked(samples.ts, windows.high - 1)
    sampled = (last - first) / SECOND
    apart = sampled / (windows.lengths - 1)
    before = (first - (windows.ends - windows.window)) / SECOND
    after = (windows.ends - last) / SECOND
    before = np.where(before >= apart * 1.1, apart / 2, before)
    if counter:
        value = picked(samples.values, windows.low)
        to_zero = np.where((grown > 0) & (value >= 0), sampled * (value / grown), before)
        before = np.where(to_zero < before, to_zero, before)
    after = np.where(after >= apart * 1.1, apart / 2, after)
    return np.asarray((sampled + before + after) / sampled)


def rate(samples: Samples, windows: Windows, parameters: tuple[float, ...]) -> tuple[Floats, Bools]:
    """Growth of a counter per second."""
    grown, present = increase(samples, windows, parameters)
    return grown / (windows.window / SECOND), present


def increase(samples: Samples, windows: Windows, parameters: tuple[float, ...]) -> tuple[Floats, Bools]:
    """Growth of a counter over the window."""
    grown = growth(samples, windows)
    return grown * extrapolation(samples, windows, grown, counter=True), windows.lengths >= 2


def delta(samples: Samples, windows: Windows, parameters: tuple[float, ...]) -> tuple[Floats, Bools]:
    """Difference over the window of a gauge."""
    moved = picked(samples.values, windows.high - 1) - picked(samples.values, windows.low)
    return moved * extrapolation(samples, windows, moved, counter=False), windows.lengths >= 2


def irate(samples: Samples, windows: Windows, parameters: tuple[float, ...]) -> tuple[Floats, Bools]:
    """Growth of a counter per second between the last two samples."""
    moved, present = idelta(samples, windows, parameters)
    places, _ = lost_before(samples)
    anew = np.isin(windows.high - 1, places)
    moved = np.where(anew, picked(samples.values, windows.high - 1), moved)
    return moved / _last_two_apart(samples, windows), present


def idelta(samples: Samples, windows: Windows, parameters: tuple[float, ...]) -> tuple[Floats, Bools]:
    """Difference of the last two samples."""
    moved = picked(samples.values, windows.high - 1) - picked(samples.values, windows.high - 2)
    return moved, windows.lengths >= 2


def resets(samples: Samples, windows: Windows, parameters: tuple[float, ...]) -> tuple[Floats, Bools]:
    """How often a counter began anew."""
    return counted(restarts(samples), windows).astype(np.float64), windows.filled


def delta_increase(samples: Samples, windows: Windows, parameters: tuple[float, ...]) -> tuple[Floats, Bools]:
    """Growth over the window of points that say themselves what was added."""
    return reduced(np.add, samples.values, windows), windows.filled


def delta_rate(samples: Samples, windows: Windows, parameters: tuple[float, ...]) -> tuple[Floats, Bools]:
    """The same per second."""
    grown, present = delta_increase(samples, windows, parameters)
    return grown / (windows.window / SECOND), present


def delta_irate(samples: Samples, windows: Windows, parameters: tuple[float, ...]) -> tuple[Floats, Bools]:
    """What the last point added, per second since the one before."""
    return picked(samples.values, windows.high - 1) / _last_two_apart(samples, windows), windows.lengths >= 2


def _last_two_apart(samples: Samples, windows: Windows) -> Floats:
    return (picked(samples.ts, windows.high - 1) - picked(samples.ts, windows.high - 2)) / SECOND
