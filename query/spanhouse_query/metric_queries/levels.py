"""How much there was: of each series one number a window, from the values of its points."""

from __future__ import annotations

import numpy as np

from spanhouse_query.metric_queries.cells import Cells
from spanhouse_query.metric_queries.chosen import ChosenMetric
from spanhouse_query.metric_queries.members import Members
from spanhouse_query.metric_queries.selected import too_large
from spanhouse_query.metric_queries.windows import Windows
from spanhouse_query.reader import Reader
from spanhouse_query.series import Leaf, Metric, Selection, Series, Steps, Temporality
from spanhouse_query.series.limits import TooManySamples
from spanhouse_query.series.stored import StoredMetrics

# Over the time of a window, and what the series know it as.
FUNCTIONS = {
    "last": "instant",
    "avg": "avg_over_time",
    "min": "min_over_time",
    "max": "max_over_time",
    "sum": "sum_over_time",
    "count": "count_over_time",
}
NEWEST = "timestamp"
_ROW = "row"


class Levels:
    """Reads the values of a metric's series. staleness: how long the last value of a series stands, milliseconds."""

    def __init__(self, reader: Reader, metric: ChosenMetric, members: Members, *, staleness: int) -> None:
        self._source = StoredMetrics(reader)
        self._selection = Selection(_series(metric, members))
        self._rows = len(members.ids)
        self._staleness = staleness

    async def over_time(self, how: str, windows: Windows) -> Cells:
        """A row a series. how: a key of FUNCTIONS.

        The last value is that at the end of a window, or by now: of the newest point that is not older than the
        staleness and does not say that nothing was recorded. All else is of the points in the window.
        """
        if how == "last":
            return await self._at_the_end(FUNCTIONS[how], windows)
        return await self._evaluated(FUNCTIONS[how], _ends(windows, windows.count), windows.step, windows.count)

    async def instants(self, windows: Windows) -> Cells:
        """When the points were taken that the last values are of, unix seconds."""
        return await self._at_the_end(NEWEST, windows)

    async def _at_the_end(self, function: str, windows: Windows) -> Cells:
        """Windows that have not ended end now; those that are yet to begin have no value."""
        ended = int(np.count_nonzero(windows.starts + windows.step <= windows.now))
        found = Cells.nothing(self._rows, windows.count)
        if ended:
            past = await self._evaluated(function, _ends(windows, ended), self._staleness, ended)
            found.values[:, :ended], found.present[:, :ended] = past.values, past.present
        if ended < windows.count and windows.starts[ended] < windows.now:
            running = await self._evaluated(function, Steps.at(windows.now), self._staleness, 1)
            found.values[:, ended], found.present[:, ended] = running.values[:, 0], running.present[:, 0]
        return found

    async def _evaluated(self, function: str, steps: Steps, window: int, count: int) -> Cells:
        try:
            matrix = await self._source.evaluate(self._selection, Leaf(function, steps, window))
        except TooManySamples as error:
            raise too_large(str(error)) from error
        found = Cells.nothing(self._rows, count)
        rows = [int(labels[_ROW]) for labels in matrix.labels]
        found.values[rows], found.present[rows] = matrix.values, matrix.present
        return found


def _ends(windows: Windows, count: int) -> Steps:
    """The ends of the first so many windows."""
    first = windows.start + windows.step
    return Steps(first, first + (count - 1) * windows.step, windows.step)


def _series(metric: ChosenMetric, members: Members) -> list[Series]:
    temporalities: tuple[Temporality, Temporality] = ("delta", "cumulative")
    delta, cumulative = (
        Metric(metric.name, metric.type, metric.unit, temporality, metric.monotonic) for temporality in temporalities
    )
    return [
        Series({_ROW: str(row)}, cumulative if members.cumulative[row] else delta, "value", (series,))
        for row, series in enumerate(members.ids)
    ]
