"""The two windows that a topology is made from: the range asked for, and as much time before it."""

from __future__ import annotations

from dataclasses import dataclass

from spanhouse_query.config import MINUTE
from spanhouse_query.service_map.edge_source import mapped_range
from spanhouse_query.time_range import TimeRange


@dataclass(frozen=True, slots=True)
class Windows:
    """Whole minutes. end: the instant that the topology describes, which is now where the range has not passed."""

    current: TimeRange
    previous: TimeRange
    end: int

    @property
    def length(self) -> int:
        """How much of the current window has passed, in nanoseconds."""
        return self.end - self.current.start


def windows(asked: TimeRange, now: int) -> Windows:
    """The windows for a range; the previous one is as long as what has passed of the range, in whole minutes."""
    current = mapped_range(asked, now)
    end = min(current.end, now) if now > current.start else current.end
    passed = TimeRange(current.start, end).aligned(MINUTE)
    previous = mapped_range(TimeRange(passed.start - (passed.end - passed.start), passed.start), now)
    return Windows(current, previous, end)
