"""Observations by bucket, whichever kind of histogram they come from, and the percentiles they allow."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate


@dataclass(frozen=True, slots=True)
class Bucket:
    """Observations more than `low` and up to `high`, either of which may be infinite."""

    low: float
    high: float
    count: int


@dataclass(frozen=True, slots=True)
class Estimate:
    """A percentile. The observation of that rank is from `low` to `high`; None where nothing bounds it."""

    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Distribution:
    """Buckets in ascending order, none of them empty. smallest, largest: of all observations, None where not known.

    geometric: whether buckets grow by a factor, so that within them it is the logarithm that is spread evenly.
    """

    buckets: Sequence[Bucket]
    smallest: float | None = None
    largest: float | None = None
    geometric: bool = False

    @property
    def count(self) -> int:
        """How many observations."""
        return sum(bucket.count for bucket in self.buckets)

    def percentile(self, quantile: float) -> Estimate | None:
        """The observation of rank `quantile` (0 to 1) times count; None without observations.

        Observations lie evenly in their bucket. One without a lower bound begins at the smallest observation, else at 0
        where its upper bound is positive; one without an upper bound ends at the largest observation. Where that is not
        known either, the bound that there is stands for the value.
        """
        if not self.buckets:
            return None
        rank = quantile * self.count
        reached = list(accumulate(bucket.count for bucket in self.buckets))
        place = next((index for index, up_to in enumerate(reached) if up_to >= rank), len(reached) - 1)
        bucket = self.buckets[place]
        share = 1 - (reached[place] - rank) / bucket.count
        return self._estimate(bucket, min(1.0, max(0.0, share)))

    @property
    def least(self) -> Estimate | None:
        """The smallest observation, as far as it is known."""
        return _exactly(self.smallest) if self.smallest is not None and self.buckets else self.percentile(0)

    @property
    def most(self) -> Estimate | None:
        """The largest observation, as far as it is known."""
        return _exactly(self.largest) if self.largest is not None and self.buckets else self.percentile(1)

    def _estimate(self, bucket: Bucket, share: float) -> Estimate:
        low = _finite(bucket.low if self.smallest is None else max(bucket.low, self.smallest))
        high = _finite(bucket.high if self.largest is None else min(bucket.high, self.largest))
        start = 0.0 if low is None and high is not None and high > 0 else low
        if start is not None and high is not None:
            return Estimate(self._between(start, high, share), low, high)
        known = high if start is None else start
        return Estimate(math.nan if known is None else known, low, high)

    def _between(self, low: float, high: float, share: float) -> float:
        if not self.geometric or low == 0 or high == 0 or (low < 0) != (high < 0):
            return low * (1 - share) + high * share
        exponent = math.log2(abs(low)) * (1 - share) + math.log2(abs(high)) * share
        return math.copysign(2.0**exponent if exponent < 1024 else sys.float_info.max, low)


def _finite(bound: float) -> float | None:
    return bound if math.isfinite(bound) else None


def _exactly(value: float) -> Estimate:
    return Estimate(value, value, value)
