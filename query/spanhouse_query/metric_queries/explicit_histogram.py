"""Histograms with bounds of their own, added up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from math import inf

from spanhouse_query.metric_queries.distribution import Bucket


@dataclass(frozen=True, slots=True)
class BoundedCounts:
    """counts: of observations up to each bound and more than the one before, and of those beyond the last.

    They are negative where earlier counts are to be taken from later ones.
    """

    bounds: Sequence[float]
    counts: Sequence[int]


def add_up(parts: Iterable[BoundedCounts]) -> list[Bucket]:
    """The buckets of all parts together, exactly: between the bounds that all of them have.

    Observations that one part tells apart and another does not share a bucket then, and nothing is guessed. Where no
    bound is common to all, that is a single bucket without bounds.
    """
    summed = [part for part in _by_bounds(parts) if any(part.counts)]
    if not summed:
        return []
    common = sorted(set.intersection(*(set(part.bounds) for part in summed)))
    below = [sum(part) for part in zip(*(_up_to(part, common) for part in summed), strict=True)]
    edges = [-inf, *common, inf]
    counts = [after - before for before, after in pairwise([0, *below])]
    return [Bucket(low, high, count) for (low, high), count in zip(pairwise(edges), counts, strict=True) if count > 0]


def _by_bounds(parts: Iterable[BoundedCounts]) -> list[BoundedCounts]:
    """Those of the same bounds as one."""
    sums: dict[tuple[float, ...], list[int]] = {}
    for part in parts:
        known = sums.setdefault(tuple(part.bounds), [0] * len(part.counts))
        known[:] = [one + other for one, other in zip(known, part.counts, strict=True)]
    return [BoundedCounts(bounds, counts) for bounds, counts in sums.items()]


def _up_to(part: BoundedCounts, common: Sequence[float]) -> list[int]:
    """How many observations are up to each of the common bounds, and how many there are."""
    reached = dict(zip([*part.bounds, inf], accumulate(part.counts), strict=True))
    return [reached[bound] for bound in (*common, inf)]
