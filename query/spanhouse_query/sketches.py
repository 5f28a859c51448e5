"""Many sketches at once, in this process: the same percentiles as SKETCH_FUNCTIONS of `percentiles`, from arrays."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spanhouse_query.percentiles import STANDARD, ZEROS, bucket_middles

# How a statement writes buckets for `sketches_of`: the driver takes five times as long to make a mapping of them.
WRITTEN = "base64Encode(formatRow('RowBinary', {}))"
_NOTHING = np.iinfo(np.uint64).max
_AT_ONCE = 2048
_BUCKET = np.dtype([("key", "<i2"), ("weight", "<f8")])


@dataclass(frozen=True, slots=True)
class Sketches:
    """Sketches of rows, one each. n, smallest, largest: by row; smallest is of no meaning where n is 0.

    rows, keys, weights: their buckets, in any order; a key of a row may come several times and then adds up.
    """

    n: NDArray[np.int64]
    smallest: NDArray[np.uint64]
    largest: NDArray[np.uint64]
    rows: NDArray[np.int64]
    keys: NDArray[np.int16]
    weights: NDArray[np.float64]

    @property
    def nbytes(self) -> int:
        """The memory that the arrays take."""
        return sum(getattr(self, name).nbytes for name in self.__slots__)

    def added(self, groups: NDArray[np.int64], count: int) -> Sketches:
        """The sketches of `count` groups of rows; groups: the one of each row."""
        n, largest = np.zeros(count, np.int64), np.zeros(count, np.uint64)
        smallest = np.full(count, _NOTHING)
        np.add.at(n, groups, self.n)
        np.maximum.at(largest, groups, self.largest)
        np.minimum.at(smallest, groups, np.where(self.n > 0, self.smallest, _NOTHING))
        return Sketches(n, smallest, largest, groups[self.rows], self.keys, self.weights)

    def totals(self) -> NDArray[np.float64]:
        """How many values each stands for."""
        return np.bincount(self.rows, self.weights, len(self.n)).astype(np.float64)

    def percentiles(self) -> NDArray[np.uint64]:
        """The STANDARD percentiles of each, of no meaning without values."""
        found = np.zeros((len(self.n), len(STANDARD)), np.uint64)
        for first in range(0, len(self.n), _AT_ONCE):
            rows = slice(first, first + _AT_ONCE)
            within = (self.rows >= first) & (self.rows < first + _AT_ONCE)
            if within.any():
                table, middles = _table(self.rows[within] - first, self.keys[within], self.weights[within], found[rows])
                found[rows] = _percentiles(table, middles, self.smallest[rows], self.largest[rows])
        return found


def sketches_of(found: Iterable[tuple[int, int, int, str]]) -> Sketches:
    """From n, smallest, largest and buckets of each row; these as WRITTEN, of a map."""
    rows = list(found)
    buckets = [_buckets(row[3]) for row in rows]
    every = np.concatenate([np.empty(0, _BUCKET), *buckets])
    return Sketches(
        np.fromiter((row[0] for row in rows), np.int64, len(rows)),
        np.fromiter((row[1] for row in rows), np.uint64, len(rows)),
        np.fromiter((row[2] for row in rows), np.uint64, len(rows)),
        np.repeat(np.arange(len(rows)), [len(one) for one in buckets]),
        every["key"].copy(),
        every["weight"].copy(),
    )


def _buckets(encoded: str) -> NDArray[np.void]:
    """Behind their number, in as many bytes as it takes, of which all but the last have the highest bit."""
    found = b64decode(encoded)
    first = next(at for at, byte in enumerate(found) if byte < 128) + 1
    return np.frombuffer(found, _BUCKET, offset=first)


def joined(several: Sequence[Sketches]) -> Sketches:
    """The rows of all, one after the other."""
    firsts = np.cumsum([0, *(len(one.n) for one in several)])
    return Sketches(
        np.concatenate([one.n for one in several]),
        np.concatenate([one.smallest for one in several]),
        np.concatenate([one.largest for one in several]),
        np.concatenate([one.rows + first for one, first in zip(several, firsts, strict=False)]),
        np.concatenate([one.keys for one in several]),
        np.concatenate([one.weights for one in several]),
    )


def _table(
    rows: NDArray[np.int64], keys: NDArray[np.int16], weights: NDArray[np.float64], like: NDArray[np.uint64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Counts up to and with each bucket, a line a row of `like`; and the middles of the buckets, ascending."""
    shifted = keys.astype(np.int64) - ZEROS
    there = np.bincount(shifted) > 0
    columns = np.cumsum(there) - 1
    width = int(columns[-1]) + 1
    counts = np.bincount(rows * width + columns[shifted], weights, len(like) * width).reshape(len(like), width)
    upto: NDArray[np.float64] = np.cumsum(counts, axis=1)
    return upto, bucket_middles(np.flatnonzero(there) + ZEROS)


def _percentiles(
    table: NDArray[np.float64],
    middles: NDArray[np.float64],
    smallest: NDArray[np.uint64],
    largest: NDArray[np.uint64],
) -> NDArray[np.uint64]:
    def order_statistic(rank: NDArray[np.float64]) -> NDArray[np.float64]:
        column = np.minimum((table <= rank[:, None]).sum(axis=1), len(middles) - 1)
        found: NDArray[np.float64] = np.minimum(np.maximum(middles[column], smallest.astype(np.float64)), largest)
        return found

    found = []
    for quantile in STANDARD:
        rank = (np.maximum(table[:, -1], 1) - 1) * quantile
        below, above = order_statistic(np.floor(rank)), order_statistic(np.ceil(rank))
        found.append(np.round(below + (rank - np.floor(rank)) * (above - below)).astype(np.uint64))
    return np.stack(found, axis=1)
