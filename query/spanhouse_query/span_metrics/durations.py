"""Durations of the rollups' sketch as histograms in seconds (docs/adr/0004).

Classic histograms have two bounds an octave that are bounds of the sketch, so what is counted below each is exact. A
native histogram has schema 8, and each bucket of the sketch counts where its middle lies: what is read from it is at
most 1.4 % off.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from spanhouse_query.percentiles import ZEROS, bucket_middles
from spanhouse_query.series.stored.numbers import number_label

SCALE = 8
_NANOSECONDS = 1e9
# Exponents of 2^(1/32) ns: from 16 µs to 275 s, each √2 times the one before.
_FIRST, _LAST, _APART = 14 * 32, 38 * 32, 16
_BOUNDS = np.arange(_FIRST, _LAST + 1, _APART)

LES = [number_label(float(f"{bound:.6g}")) for bound in (np.exp2(_BOUNDS / 32) / _NANOSECONDS).tolist()] + ["+Inf"]
"""The values of `le`, ascending: bounds in seconds, to six digits."""


def classic_columns(keys: NDArray[np.int64]) -> NDArray[np.int64]:
    """Of each bucket of the sketch, the place of the first bound that it does not reach beyond."""
    places: NDArray[np.int64] = -(-(keys + 1 - _FIRST) // _APART)
    return np.clip(places, 0, len(LES) - 1)


def native_indices(keys: NDArray[np.int64]) -> NDArray[np.int64]:
    """Of each bucket of the sketch that is not the one of zeros, the index at SCALE."""
    seconds = bucket_middles(keys) / _NANOSECONDS
    indices: NDArray[np.int64] = np.ceil(np.log2(seconds) * 2**SCALE).astype(np.int64) - 1
    return indices


def zeros(keys: NDArray[Any]) -> NDArray[np.bool_]:
    """Which buckets hold durations of 0."""
    return np.asarray(keys == ZEROS)
