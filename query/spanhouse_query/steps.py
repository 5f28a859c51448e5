"""Steps of a series over time."""

from __future__ import annotations

from spanhouse_query.config import MINUTE, SECOND
from spanhouse_query.problems import invalid_parameter
from spanhouse_query.time_range import TimeRange

POINTS = 120
MOST_POINTS = 11_000
_STEPS = [
    seconds * SECOND
    for seconds in (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)
]


def default_step(time_range: TimeRange, *, least: int, points: int = POINTS) -> int:
    """The shortest round step that makes at most so many points (at least two), in nanoseconds."""
    length = time_range.end - time_range.start
    fitting = (step for step in _STEPS if step >= least and length / step <= points - 1)
    longest = _STEPS[-1]
    return next(fitting, -(-length // ((points - 1) * longest)) * longest)


def whole_steps(
    time_range: TimeRange, step: int | None, *, least: int, multiple: bool, points: int = POINTS
) -> tuple[TimeRange, int]:
    """The range widened to whole steps, and the step. Raises Problem for a step that cannot be.

    least: what the default is at least. multiple: whether a step has to be a multiple of that. points: what the default
    makes at most.
    """
    if step is None:
        step = default_step(time_range, least=least, points=points)
    if step <= 0:
        raise invalid_parameter("step", "step must be longer than 0")
    if multiple and step % least:
        gone = ": finer rollups of that time are gone" if least > MINUTE else ""
        raise invalid_parameter("step", f"step must be a multiple of {least // SECOND} s{gone}")
    effective = time_range.aligned(step)
    count = (effective.end - effective.start) // step
    if count > MOST_POINTS:
        raise invalid_parameter(
            "step",
            f"the range has {count} steps, and at most {MOST_POINTS} are answered: ask for a longer step or a shorter "
            "range",
        )
    return effective, step
