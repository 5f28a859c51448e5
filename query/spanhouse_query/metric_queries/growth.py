"""Reads what was added to series, some of them at a time."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from anyio import to_thread

from spanhouse_query.concurrently import both
from spanhouse_query.metric_queries.cells import Cells
from spanhouse_query.metric_queries.chosen import ChosenMetric
from spanhouse_query.metric_queries.increments import Points, added_up, increments
from spanhouse_query.metric_queries.members import Members
from spanhouse_query.metric_queries.selected import too_large
from spanhouse_query.metric_queries.windows import Windows
from spanhouse_query.reader import Reader
from spanhouse_query.series.limits import Budget, TooManySamples
from spanhouse_query.series.stored.fetching import SERIES, STARTED, TABLES, TS, Column, RowsOfSeries, Stretch, columns

_CHUNK_POINTS = 2_000_000

_VALUE = Column("value", "value", "<f8")
_COUNT = Column("count", "toFloat64(count)", "<f8")
_SUM = Column("sum", "ifNull(sum::Nullable(Float64), nan)", "<f8")
_RECORDED = "NOT bitTest(flags, 0)"


@dataclass(frozen=True, slots=True)
class Growth:
    """Of a metric. lookback: how far before the windows the point before may be, milliseconds."""

    reader: Reader
    metric: ChosenMetric
    lookback: int

    async def read(self, members: Members, windows: Windows) -> list[Cells]:
        """By group and window, what was added: the value of sums; the count and the sum of observations.

        Raises Problem (422) for more points, or cells, than a query may have.
        """
        try:
            return await self._read(members, windows, Budget())
        except TooManySamples as error:
            raise too_large(str(error)) from error

    async def _read(self, members: Members, windows: Windows, budget: Budget) -> list[Cells]:
        """The next points are read while the last ones are worked on."""
        budget.hold(len(members.groups), windows.count)
        totals = [Cells.nothing(len(members.groups), windows.count) for _ in self._amounts]
        chunks = [*members.chunks(windows, _CHUNK_POINTS)]
        if not chunks:
            return totals
        points = await self._points(chunks[0], windows, budget)
        for chunk, following in pairwise(chunks):
            added = to_thread.run_sync(self._added, points, chunk, windows)
            found, points = await both(added, self._points(following, windows, budget))
            totals = _plus(totals, found)
        return _plus(totals, await to_thread.run_sync(self._added, points, chunks[-1], windows))

    @property
    def _amounts(self) -> list[Column]:
        return [_VALUE] if self.metric.type == "sum" else [_COUNT, _SUM]

    def _since(self, windows: Windows) -> int:
        return max(1, windows.start - self.lookback)

    async def _points(self, members: Members, windows: Windows, budget: Budget) -> Points:
        amounts = self._amounts
        table = TABLES[self.metric.type]
        stretch = Stretch(table, [self.metric.name], members.ids, self._since(windows) - 1, windows.end)
        condition = f"{_RECORDED} AND NOT isNaN({amounts[0].sql})"
        rows = await columns(self.reader, stretch, [SERIES, TS, STARTED, *amounts], budget, where=condition)
        row = RowsOfSeries([[series] for series in members.ids])(rows["series"])
        values = tuple(np.ascontiguousarray(rows[amount.name]) for amount in amounts)
        return Points(row, np.ascontiguousarray(rows["ts"]), np.ascontiguousarray(rows["started"]), values[0], values)

    def _added(self, points: Points, members: Members, windows: Windows) -> list[Cells]:
        monotonic = self.metric.monotonic or self.metric.type != "sum"
        found = increments(points, members.cumulative, monotonic=monotonic, since=self._since(windows))
        return added_up(found, windows, members.group, len(members.groups))


def _plus(totals: list[Cells], found: list[Cells]) -> list[Cells]:
    return [one.plus(other) for one, other in zip(totals, found, strict=True)]
