"""Quantiles of classic histograms: series of cumulative counts whose label `le` is the upper bound."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from spanhouse_query.series import Labels, Matrix, without
from spanhouse_query.series.grouped import group_rows

Floats = NDArray[np.float64]
_SAME = 1e-12
"""How far two counts may be apart, relatively, and be the same: sums of the same numbers in another order."""


def quantiles(matrix: Matrix, wanted: Floats) -> Matrix:
    """A row for each histogram. Series without a bound that is a number are left out."""
    upper = np.array([_bound(labels) for labels in matrix.labels], np.float64)
    usable = np.flatnonzero(~np.isnan(upper))
    buckets = replace(matrix, histograms=None).take(usable)
    labels, group = group_rows(buckets, without(("le",)))
    values = np.full((len(labels), matrix.shape[1]), np.nan)
    present = np.zeros(values.shape, np.bool_)
    for number in range(len(labels)):
        rows = np.flatnonzero(group == number)
        rows = rows[np.argsort(upper[usable[rows]], kind="stable")]
        there = buckets.present[rows]
        present[number] = there.any(axis=0)
        for pattern in np.unique(there, axis=1).T:
            columns = np.flatnonzero((there == pattern[:, np.newaxis]).all(axis=0))
            kept = rows[pattern]
            if kept.size:
                counts = buckets.values[np.ix_(kept, columns)]
                values[number, columns] = _quantile(upper[usable[kept]], counts, wanted[columns])
    return Matrix(labels, values, present).not_empty()


def _bound(labels: Labels) -> float:
    """NaN for what Prometheus would not read either, such as a number with spaces around it."""
    text = labels.get("le", "")
    try:
        return float(text) if text.isascii() and text == text.strip() else np.nan
    except ValueError:
        return np.nan


def _quantile(upper: Floats, counts: Floats, q: Floats) -> Floats:
    """Of buckets in ascending order: counts (buckets, steps), q (steps)."""
    upper, counts = _coalesced(upper, counts)
    if not np.isposinf(upper[-1]) or len(upper) < 2:
        found = np.full(q.shape, np.nan)
        return np.where(q < 0, -np.inf, np.where(q > 1, np.inf, found))
    counts = _ascending(counts)
    observations = counts[-1]
    rank = q * observations
    place = (counts[:-1] < rank).sum(axis=0)
    below = np.where(place > 0, counts[np.maximum(place - 1, 0), np.arange(q.size)], 0)
    within = counts[place, np.arange(q.size)] - below
    start = np.where(place > 0, upper[np.maximum(place - 1, 0)], 0.0)
    end = upper[place]
    found = start + (end - start) * ((rank - below) / within)
    found = np.where((place == 0) & (upper[0] <= 0), upper[0], found)
    found = np.where(place == len(upper) - 1, upper[-2], found)
    found = np.where((observations == 0) | np.isnan(q) | np.isnan(observations), np.nan, found)
    return np.where(q < 0, -np.inf, np.where(q > 1, np.inf, found))


def _coalesced(upper: Floats, counts: Floats) -> tuple[Floats, Floats]:
    """Buckets of the same bound added up."""
    firsts = np.flatnonzero(np.append(True, np.diff(upper) != 0))
    return upper[firsts], np.add.reduceat(counts, firsts, axis=0)


def _ascending(counts: Floats) -> Floats:
    """Counts that do not fall from bucket to bucket, nor rise by less than rounding makes of them."""
    counts = counts.copy()
    for place in range(1, len(counts)):
        before, own = counts[place - 1], counts[place]
        close = np.abs(own - before) <= _SAME * np.minimum(np.abs(own) + np.abs(before), np.finfo(float).max)
        counts[place] = np.where(close | (own < before), before, own)
    return counts
