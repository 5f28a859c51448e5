"""The windows that numbers are made for: one, or one after another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spanhouse_query.time_range import TimeRange

MILLISECOND = 1_000_000


@dataclass(frozen=True, slots=True)
class Windows:
    """`count` windows from `start`, each `step` long: unix milliseconds, as points have. now: likewise.

    A window has the points after its start, up to and at its end: a point says what was until its instant. So it is in
    OpenTelemetry's data model and in PromQL.
    """

    start: int
    step: int
    count: int
    now: int

    @classmethod
    def single(cls, time_range: TimeRange, now: int) -> Windows:
        """The whole range."""
        start, end = time_range.start // MILLISECOND, time_range.end // MILLISECOND
        return cls(start, max(1, end - start), 1, now // MILLISECOND)

    @classmethod
    def steps(cls, time_range: TimeRange, step: int, now: int) -> Windows:
        """A range of whole steps, which are nanoseconds and whole milliseconds."""
        count = (time_range.end - time_range.start) // step
        return cls(time_range.start // MILLISECOND, step // MILLISECOND, count, now // MILLISECOND)

    @property
    def end(self) -> int:
        """Where the last one ends."""
        return self.start + self.step * self.count

    @property
    def starts(self) -> NDArray[np.int64]:
        """Where each begins."""
        return self.start + self.step * np.arange(self.count, dtype=np.int64)

    @property
    def seconds(self) -> NDArray[np.float64]:
        """How long each is, or has been so far; of one that is yet to begin, all of it."""
        lengths = np.minimum(self.starts + self.step, self.now) - self.starts
        return np.where(lengths > 0, lengths, self.step) / 1000

    def earlier(self, by: int) -> Windows:
        """The same windows, so many milliseconds earlier."""
        return Windows(self.start - by, self.step, self.count, self.now)

    def longer(self, steps: int) -> Windows:
        """With so many more before them."""
        return Windows(self.start - steps * self.step, self.step, self.count + steps, self.now)
