"""The instants between which calls are counted: ends of minutes, or of hours and days where finer rollups are gone.

What happened from one of them to the next is known as a number. Within a minute it is taken to have happened evenly,
and the minute that is under way ends, as far as it is known, when the query does.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from spanhouse_storage import Retention

from spanhouse_query.config import DAY, MINUTE, SECOND
from spanhouse_query.series.limits import TooManySamples
from spanhouse_query.series.steps import Steps
from spanhouse_query.tiers import HOURS, MINUTES, Tier, kept_from
from spanhouse_query.time_range import TimeRange

Integers = NDArray[np.int64]

_MILLISECOND = 1_000_000
_MINUTE_MS, _DAY_MS = MINUTE // _MILLISECOND, DAY // _MILLISECOND
# Nothing is stored that is dated more than an hour after its arrival.
_AHEAD = 2 * 3_600_000
_MOST = 200_000
_FEW = 500
"""Up to so many instants coarser rows are fitted in between any two of them."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """nodes: unix seconds, ascending, at least two. instants: where each of them counts, unix milliseconds."""

    nodes: Integers
    instants: Integers

    @property
    def cells(self) -> int:
        """How many stretches there are from one node to the next."""
        return self.nodes.size - 1

    @property
    def range(self) -> TimeRange:
        """From the first to the last."""
        return TimeRange(int(self.nodes[0]) * SECOND, int(self.nodes[-1]) * SECOND)

    def usable(self, tier: Tier, start: int) -> bool:
        """Whether no node lies within the unit of a tier that starts there, nanoseconds."""
        nodes: list[int] = self.nodes.tolist()
        if len(nodes) > _FEW:
            return not (self.nodes % (tier.unit // SECOND)).any()
        return bisect_right(nodes, start // SECOND) == bisect_left(nodes, (start + tier.unit) // SECOND)

    @property
    def days(self) -> Integers:
        """Of each cell the first one of its day (UTC), where all days begin with a node."""
        return np.searchsorted(self.nodes, self.nodes[:-1] // 86_400 * 86_400).astype(np.int64)


@dataclass(frozen=True, slots=True)
class Clock:
    """What is kept since when, and what time it is, unix milliseconds."""

    now: int
    minutes_from: int
    hours_from: int

    @classmethod
    def of(cls, retention: Retention, now: int) -> Clock:
        """now: unix nanoseconds."""
        minutes, hours = (kept_from(tier, retention, now) // _MILLISECOND for tier in (MINUTES, HOURS))
        return cls(now // _MILLISECOND, minutes, hours)

    def units(self, instants: Integers) -> Integers:
        """The length of the finest units that are kept at some instants, milliseconds."""
        return np.where(
            instants >= self.minutes_from, _MINUTE_MS, np.where(instants >= self.hours_from, 60 * _MINUTE_MS, _DAY_MS)
        )

    def around(self, instants: Integers) -> Integers:
        """The ends of the units around some instants, those that may hold anything."""
        latest = (self.now + _AHEAD) // _MINUTE_MS * _MINUTE_MS
        within = np.clip(instants, _DAY_MS, latest)
        units = self.units(within)
        return np.concatenate([within // units * units, -(-within // units) * units])


def of_windows(clock: Clock, steps: Steps, windows: Sequence[int]) -> Timeline | None:
    """Nodes around both ends of windows of these lengths; None where nothing can lie within."""
    ends = steps.instants
    return _timeline(clock, np.concatenate([ends, *(ends - window for window in windows)]), steps.last)


def of_minutes(clock: Clock, steps: Steps, window: int) -> Timeline | None:
    """Every minute of the windows, and the days' beginnings from that of the first window on."""
    ends = steps.instants
    if (steps.last - steps.start + window) // _MINUTE_MS > 20 * _MOST:
        raise _too_many()
    if steps.step <= window or steps.count == 1:
        minutes = np.arange((steps.start - window) // _MINUTE_MS, -(-steps.last // _MINUTE_MS) + 1) * _MINUTE_MS
    else:
        offsets = np.arange(-(-window // _MINUTE_MS) + 1) * _MINUTE_MS
        if offsets.size * ends.size > _MOST:
            raise _too_many()
        minutes = ((ends - window) // _MINUTE_MS * _MINUTE_MS)[:, np.newaxis] + offsets
    days = np.arange((steps.start - window) // _DAY_MS, steps.last // _DAY_MS + 1) * _DAY_MS
    return _timeline(clock, np.concatenate([np.ravel(minutes), days, ends]), steps.last)


def _timeline(clock: Clock, instants: Integers, last: int) -> Timeline | None:
    nodes = np.unique(clock.around(instants.astype(np.int64)))
    if nodes.size < 2:
        return None
    if nodes.size > _MOST:
        raise _too_many()
    counts = nodes.copy()
    under_way = clock.now // _MINUTE_MS * _MINUTE_MS
    known = min(clock.now, last) if last > under_way else clock.now
    if known > under_way:
        counts[nodes == under_way + _MINUTE_MS] = known
    return Timeline(nodes // 1000, counts)


def _too_many() -> TooManySamples:
    return TooManySamples(
        f"the windows have more than {_MOST:,} minutes; ask for a shorter range, or for rate or increase"
    )
