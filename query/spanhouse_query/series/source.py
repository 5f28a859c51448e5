"""Where samples come from: the one seam between who asks for series and where they are kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spanhouse_query.series.histogram_cells import HistogramCells
from spanhouse_query.series.labels import LabelKey, Labels
from spanhouse_query.series.matrix import Matrix
from spanhouse_query.series.metric import CatalogueEntry, Metric
from spanhouse_query.series.selector import Matcher, Selector
from spanhouse_query.series.steps import Steps

Part: TypeAlias = Literal["value", "bucket", "sum", "count", "quantile", "histogram", "info"]
Aggregation: TypeAlias = Literal["sum", "avg", "min", "max", "count", "group"]


@dataclass(frozen=True, slots=True)
class Series:
    """A series before its points are read.

    labels: `le` and `quantile` are not among them yet. part: what of the points its samples are. ids: the stored series
    that it is made of; several where they have the same labels. resource: attributes of what sent it.
    """

    labels: Labels
    metric: Metric
    part: Part
    ids: tuple[int, ...]
    resource: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Selection:
    """What a selector found. late: matchers on `le` or `quantile`, which are known with the points only."""

    series: Sequence[Series]
    late: tuple[Matcher, ...] = ()


@dataclass(frozen=True, slots=True)
class Grouping:
    """An aggregation over series at each step. key: labels of a series to those of its group."""

    aggregation: Aggregation
    key: LabelKey


@dataclass(frozen=True, slots=True)
class Leaf:
    """A function of each series' samples in (t - window, t] for each step t.

    function: PromQL's name of it (`rate`, `max_over_time`, …) or `instant`, the newest sample of the window unless that
    says that the series ended. window: milliseconds. parameters: of the function, beside the samples (a quantile).
    """

    function: str
    steps: Steps
    window: int
    parameters: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class RawSeries:
    """The samples of a series as they are.

    ts: unix milliseconds. histograms: a row of as many cells, or None where the samples are the numbers in values.
    """

    labels: Labels
    ts: NDArray[np.int64]
    values: NDArray[np.float64]
    histograms: HistogramCells | None = None


@dataclass(frozen=True, slots=True)
class Exemplar:
    """A measurement. labels: `trace_id` and `span_id` among them. ts: unix milliseconds."""

    labels: Labels
    ts: int
    value: float


class SeriesSource(Protocol):
    """Stored metrics, or anything else that can be asked for series."""

    async def catalogue(self) -> Sequence[CatalogueEntry]:
        """The metrics that there are."""
        ...

    async def select(self, selector: Selector, start: int, end: int) -> Selection:
        """The series of a selector that were seen between two instants (unix milliseconds), perhaps some more."""
        ...

    async def evaluate(self, selection: Selection, leaf: Leaf, grouping: Grouping | None = None) -> Matrix:
        """A leaf over a selection: a row a series, or group, that has anything. Series keep their `__name__`."""
        ...

    async def samples(self, selection: Selection, after: int, until: int) -> Sequence[RawSeries]:
        """The samples of a selection in (after, until], without those that say that a series ended."""
        ...

    async def exemplars(
        self, selection: Selection, after: int, until: int
    ) -> Sequence[tuple[Series, Sequence[Exemplar]]]:
        """Exemplars of a selection in (after, until], by series."""
        ...
