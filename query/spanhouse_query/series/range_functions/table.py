"""The table of range functions by PromQL's names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from spanhouse_query.series.matrix import Bools, Floats
from spanhouse_query.series.range_functions import counters, over_time, trend
from spanhouse_query.series.samples import Samples, Windows
from spanhouse_query.series.steps import Steps

Compute: TypeAlias = Callable[[Samples, Windows, tuple[float, ...]], tuple[Floats, Bools]]


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeFunction:
    """One function. compute: values and where they are, of samples and their windows.

    of_deltas: in its place for points that say what was added. counter: whether it looks at when counters started.
    markers: whether it sees the samples that say that a series ended. keeps_name: whether `__name__` stays.
    """

    compute: Compute
    of_deltas: Compute | None = None
    counter: bool = False
    markers: bool = False
    keeps_name: bool = False

    def for_deltas(self, deltas: bool) -> Compute:
        """What to compute of points that are deltas, or are not."""
        return self.of_deltas if deltas and self.of_deltas else self.compute


RANGE_FUNCTIONS: Mapping[str, RangeFunction] = {
    "instant": RangeFunction(compute=over_time.instant, markers=True, keeps_name=True),
    "timestamp": RangeFunction(compute=over_time.timestamp, markers=True),
    "rate": RangeFunction(compute=counters.rate, of_deltas=counters.delta_rate, counter=True),
    "increase": RangeFunction(compute=counters.increase, of_deltas=counters.delta_increase, counter=True),
    "irate": RangeFunction(compute=counters.irate, of_deltas=counters.delta_irate, counter=True),
    "delta": RangeFunction(compute=counters.delta),
    "idelta": RangeFunction(compute=counters.idelta),
    "resets": RangeFunction(compute=counters.resets, counter=True),
    "changes": RangeFunction(compute=over_time.changes),
    "deriv": RangeFunction(compute=trend.slope),
    "predict_linear": RangeFunction(compute=trend.prediction),
    "double_exponential_smoothing": RangeFunction(compute=trend.smoothed),
    "avg_over_time": RangeFunction(compute=over_time.mean),
    "min_over_time": RangeFunction(compute=over_time.smallest),
    "max_over_time": RangeFunction(compute=over_time.largest),
    "sum_over_time": RangeFunction(compute=over_time.total),
    "count_over_time": RangeFunction(compute=over_time.count),
    "last_over_time": RangeFunction(compute=over_time.last, keeps_name=True),
    "first_over_time": RangeFunction(compute=over_time.first, keeps_name=True),
    "present_over_time": RangeFunction(compute=over_time.present),
    "stddev_over_time": RangeFunction(compute=over_time.deviation),
    "stdvar_over_time": RangeFunction(compute=over_time.variance),
    "quantile_over_time": RangeFunction(compute=over_time.quantile),
    "mad_over_time": RangeFunction(compute=over_time.median_deviation),
}


def apply(
    name: str, samples: Samples, steps: Steps, window: int, parameters: tuple[float, ...] = (), *, deltas: bool = False
) -> tuple[Floats, Bools]:
    """Values and where there are any (rows, steps) of a function over samples. window: milliseconds."""
    function = RANGE_FUNCTIONS[name]
    seen = samples if function.markers else samples.only(~samples.stale)
    with np.errstate(all="ignore"):
        return function.for_deltas(deltas)(seen, Windows.over(seen, steps, window), parameters)
