"""Functions of the samples of one series in a window."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from tests.promql_conformance.reference import numbers
from tests.promql_conformance.reference.vectors import Point


@dataclass(frozen=True)
class Window:
    """The samples in (start, end], at least one, for an evaluation at `now`. All in milliseconds."""

    points: Sequence[Point]
    start: int
    end: int
    now: int

    @property
    def values(self) -> list[float]:
        return [value for _, value in self.points]


def _extrapolated(window: Window, *, counter: bool) -> float | None:
    """How much was gained from the first sample to the last, extended to the borders of the window.

    Where that is further away than a tenth more than a sample is from the next on average, by half of this average; and
    not to before a counter would have been 0.
    """
    if len(window.points) < 2:
        return None
    (first_at, first), (last_at, last) = window.points[0], window.points[-1]
    gained = last - first
    if counter:
        gained += sum(before for before, after in pairwise(window.values) if after < before)
    covered = (last_at - first_at) / 1000
    between = covered / (len(window.points) - 1)
    before, after = (first_at - window.start) / 1000, (window.end - last_at) / 1000
    before = before if before < between * 1.1 else between / 2
    after = after if after < between * 1.1 else between / 2
    if counter and gained > 0 and first >= 0:
        before = min(before, covered * (first / gained))
    return gained * (covered + before + after) / covered


def increase(window: Window) -> float | None:
    return _extrapolated(window, counter=True)


def delta(window: Window) -> float | None:
    return _extrapolated(window, counter=False)


def rate(window: Window) -> float | None:
    gained = increase(window)
    return None if gained is None else gained / ((window.end - window.start) / 1000)


def irate(window: Window) -> float | None:
    if len(window.points) < 2:
        return None
    (before_at, before), (last_at, last) = window.points[-2:]
    gained = last if last < before else last - before
    return gained / ((last_at - before_at) / 1000)


def idelta(window: Window) -> float | None:
    return window.values[-1] - window.values[-2] if len(window.points) > 1 else None


def _line(window: Window, origin: int) -> tuple[float, float]:
    """(slope a second, value at the origin) of least squares."""
    values = window.values
    if all(value == values[0] for value in values):
        return (0.0, values[0]) if math.isfinite(values[0]) else (math.nan, math.nan)
    times = [(at - origin) / 1000 for at, _ in window.points]
    middle, level = numbers.mean(times), numbers.mean(values)
    slope = numbers.quotient(
        numbers.summed([(at - middle) * (value - level) for at, value in zip(times, values, strict=True)]),
        numbers.summed([(at - middle) ** 2 for at in times]),
    )
    return slope, level - slope * middle


def deriv(window: Window) -> float | None:
    return _line(window, window.points[0][0])[0] if len(window.points) > 1 else None


def predict_linear(window: Window, seconds: float) -> float | None:
    """Counted from the evaluation, wherever the window lies."""
    if len(window.points) < 2:
        return None
    slope, level = _line(window, window.now)
    return slope * seconds + level


def changes(window: Window) -> float:
    return sum(
        before != after and not (math.isnan(before) and math.isnan(after)) for before, after in pairwise(window.values)
    )


def resets(window: Window) -> float:
    return sum(after < before for before, after in pairwise(window.values))


WINDOWED: dict[str, Callable[[Window], float | None]] = {
    "increase": increase,
    "delta": delta,
    "rate": rate,
    "irate": irate,
    "idelta": idelta,
    "deriv": deriv,
    "changes": changes,
    "resets": resets,
    "avg_over_time": lambda window: numbers.mean(window.values),
    "min_over_time": lambda window: numbers.least(window.values),
    "max_over_time": lambda window: numbers.greatest(window.values),
    "sum_over_time": lambda window: numbers.summed(window.values),
    "count_over_time": lambda window: len(window.values),
    "stddev_over_time": lambda window: numbers.standard_deviation(window.values),
    "stdvar_over_time": lambda window: numbers.variance(window.values),
    "last_over_time": lambda window: window.values[-1],
    "present_over_time": lambda window: 1,
}
