"""Quantiles of classic histograms: series with cumulative counts, and the upper bound in the label `le`."""

from __future__ import annotations

import math
from itertools import accumulate

from tests.promql_conformance.reference.vectors import NAME, Key, Labels, Vector, key, without

BOUND = "le"


def histogram_quantile(fraction: float, vector: Vector) -> Vector:
    """One element for each histogram."""
    buckets: dict[Key, dict[float, float]] = {}
    groups: dict[Key, Labels] = {}
    for labels, count in vector:
        bound = _bound(labels.get(BOUND, ""))
        if bound is None:
            continue
        rest = without(labels, NAME, BOUND)
        groups[key(rest)] = rest
        histogram = buckets.setdefault(key(rest), {})
        histogram[bound] = histogram.get(bound, 0.0) + count
    return [(labels, _quantile(fraction, buckets[group])) for group, labels in groups.items()]


def _bound(text: str) -> float | None:
    try:
        return float(text) if text.isascii() and text == text.strip() else None
    except ValueError:
        return None


def _quantile(fraction: float, histogram: dict[float, float]) -> float:
    """Linear within a bucket; the lowest begins at 0 if its bound is positive, the highest is all at its lower one."""
    bounds = sorted(histogram)
    # Counts that fall with rising bounds come from scrapes that did not happen at once.
    counts = list(accumulate((histogram[bound] for bound in bounds), max))
    if fraction < 0 or fraction > 1:
        return math.copysign(math.inf, fraction)
    if math.isnan(fraction) or bounds[-1] != math.inf or len(bounds) < 2 or counts[-1] == 0:
        return math.nan
    rank = fraction * counts[-1]
    index = next((index for index, count in enumerate(counts[:-1]) if count >= rank), len(counts) - 1)
    if index == len(counts) - 1:
        return bounds[-2]
    if index == 0 and bounds[0] <= 0:
        return bounds[0]
    start, below = (bounds[index - 1], counts[index - 1]) if index else (0.0, 0.0)
    inside = counts[index] - below
    return start + (bounds[index] - start) * ((rank - below) / inside) if inside else math.nan
