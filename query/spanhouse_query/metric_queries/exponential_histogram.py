"""Exponential histograms of any scales, added up as OpenTelemetry's data model says.

Bucket i at a scale holds magnitudes from base^i to base^(i + 1) with base = 2^(2^-scale). Two neighbours at a scale are
one bucket at the scale below (perfect subsetting), so adding up at the lowest scale of all loses resolution and nothing
else.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from spanhouse_query.metric_queries.distribution import Bucket


@dataclass(frozen=True, slots=True)
class ExponentialCounts:
    """positive, negative: counts by bucket of the magnitude. zero: of what is within `threshold` of 0.

    Counts are negative where earlier ones are to be taken from later ones.
    """

    scale: int
    threshold: float
    zero: int
    positive: Mapping[int, int]
    negative: Mapping[int, int]

    @property
    def is_empty(self) -> bool:
        """Whether nothing is counted."""
        return not (self.zero or any(self.positive.values()) or any(self.negative.values()))


def add_up(parts: Iterable[ExponentialCounts]) -> list[Bucket]:
    """The buckets of all parts together, ascending, none of them empty."""
    summed = [part for part in _by_shape(parts) if not part.is_empty]
    if not summed:
        return []
    scale = min(part.scale for part in summed)
    sides = (
        _downscaled(((part.scale, part.positive) for part in summed), scale),
        _downscaled(((part.scale, part.negative) for part in summed), scale),
    )
    threshold = _widened(max(part.threshold for part in summed), sides, scale)
    zero = sum(part.zero for part in summed)
    zero += sum(count for side in sides for index, count in side.items() if _bound(index + 1, scale) <= threshold)
    positive, negative = (_beyond(side, threshold, scale) for side in sides)
    middle = [Bucket(-threshold if negative else 0.0, threshold, zero)] if zero > 0 else []
    return [*(Bucket(-one.high, -one.low, one.count) for one in reversed(negative)), *middle, *positive]


def _by_shape(parts: Iterable[ExponentialCounts]) -> list[ExponentialCounts]:
    """Those of the same scale and threshold as one: what is taken away may leave nothing of either."""
    grouped: dict[tuple[int, float], list[ExponentialCounts]] = defaultdict(list)
    for part in parts:
        grouped[part.scale, part.threshold].append(part)
    return [
        ExponentialCounts(
            scale,
            threshold,
            sum(part.zero for part in group),
            _downscaled(((scale, part.positive) for part in group), scale),
            _downscaled(((scale, part.negative) for part in group), scale),
        )
        for (scale, threshold), group in grouped.items()
    ]


def _downscaled(sides: Iterable[tuple[int, Mapping[int, int]]], scale: int) -> dict[int, int]:
    """The sum of sides of higher scales; an index loses a bit with each scale it goes down."""
    merged: dict[int, int] = defaultdict(int)
    for own_scale, counts in sides:
        for index, count in counts.items():
            merged[index >> (own_scale - scale)] += count
    return {index: count for index, count in merged.items() if count}


def _widened(threshold: float, sides: Iterable[Mapping[int, int]], scale: int) -> float:
    """The threshold does not cut a bucket in two: one that it lies in belongs to zero."""
    tops = [
        _bound(index + 1, scale)
        for side in sides
        for index in side
        if _bound(index, scale) < threshold < _bound(index + 1, scale)
    ]
    return max(tops, default=threshold)


def _beyond(side: Mapping[int, int], threshold: float, scale: int) -> list[Bucket]:
    return [
        Bucket(_bound(index, scale), _bound(index + 1, scale), count)
        for index, count in sorted(side.items())
        if count > 0 and _bound(index + 1, scale) > threshold
    ]


def _bound(index: int, scale: int) -> float:
    """base^index, or the greatest double where that is beyond it."""
    exponent = index * 2.0**-scale
    return 2.0**exponent if exponent < 1024 else sys.float_info.max
