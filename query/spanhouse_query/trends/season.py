"""A line and a season at once, by least squares.

Values are explained as a mean of their phase plus a slope times time. That is ordinary least squares with one indicator
a phase: by the theorem of Frisch, Waugh and Lovell the slope is that of values against times, both less their phase's
mean.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Phases:
    """Where in its period a step is. period: in steps, None for a series without a season, which has one phase."""

    period: float | None = None

    @property
    def count(self) -> int:
        """How many phases there are, at least one."""
        return 1 if self.period is None else max(2, round(self.period))

    def of(self, times: Floats) -> Integers:
        """The phase of each of the instants, in steps since the series began."""
        if self.period is None:
            return np.zeros(len(times), np.int64)
        turned = np.floor(np.mod(times / self.period, 1.0) * self.count + 1e-9).astype(np.int64)
        return turned % self.count


@dataclass(frozen=True, slots=True)
class Explained:
    """times, values: of the points. phase_times, phase_values: means of each phase; sizes: how many points it has.

    spread: sum of squares of the times about their phase's mean. residuals: values less what was fitted.
    """

    phases: Phases
    slope: float
    spread: float
    sizes: Floats
    phase_times: Floats
    phase_values: Floats
    residuals: Floats

    def at(self, times: Floats) -> Floats:
        """What was fitted, or what it leads to, at instants in steps since the series began."""
        phase = self.phases.of(times)
        fitted: Floats = self.phase_values[phase] + self.slope * (times - self.phase_times[phase])
        return fitted

    @property
    def profile(self) -> Floats:
        """The season: what each phase adds to the line, on average nothing."""
        levels = self.phase_values - self.slope * self.phase_times
        centred: Floats = levels - np.average(levels, weights=self.sizes)
        return centred


def explain(times: Floats, values: Floats, phases: Phases) -> Explained | None:
    """None where a phase has no point, or where the points of every phase share one instant."""
    phase = phases.of(times)
    sizes = np.bincount(phase, minlength=phases.count).astype(np.float64)
    if not sizes.all():
        return None
    phase_times = np.bincount(phase, times, phases.count) / sizes
    phase_values = np.bincount(phase, values, phases.count) / sizes
    from_mean = times - phase_times[phase]
    spread = float(from_mean @ from_mean)
    if spread == 0:
        return None
    less_mean = values - phase_values[phase]
    slope = float(from_mean @ less_mean) / spread
    return Explained(phases, slope, spread, sizes, phase_times, phase_values, less_mean - slope * from_mean)
