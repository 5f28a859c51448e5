"""A query's answer for a row of windows, by the kind of metric it is about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from anyio import to_thread

from spanhouse_query.metric_queries.across import across_series, newest
from spanhouse_query.metric_queries.aggregations import Plan
from spanhouse_query.metric_queries.cells import Answered, Cells, Floats, Integers
from spanhouse_query.metric_queries.chosen import ChosenMetric
from spanhouse_query.metric_queries.distribution import Distribution, Estimate
from spanhouse_query.metric_queries.distributions import KINDS, distributions
from spanhouse_query.metric_queries.increments import TABLES, increments_sql, window_parameters
from spanhouse_query.metric_queries.levels import Levels
from spanhouse_query.metric_queries.selected import MOST_SERIES, Keys, Member, SelectedSeries
from spanhouse_query.metric_queries.windows import Windows
from spanhouse_query.reader import Reader

_GROWTH = ("increase", "rate")


@dataclass(frozen=True, slots=True)
class SeriesQuery:
    """What is asked. staleness: milliseconds. limit: groups at most, those with the most."""

    reader: Reader
    selected: SelectedSeries
    plan: Plan
    staleness: int
    limit: int

    @property
    def metric(self) -> ChosenMetric:
        """The metric that it is about."""
        return self.selected.metric

    async def answer(self, windows: Windows) -> Answered:
        """A row a group and a column a window; groups without any value are left out."""
        if self.plan.over_time is None:
            in_buckets = self.plan.quantile is not None or self.plan.aggregation in ("min", "max")
            return await (self._of_buckets if in_buckets else self._of_observations)(windows)
        if self.plan.over_time in _GROWTH and self.plan.aggregation in ("sum", *_GROWTH):
            return await self._of_growth(windows)
        return await self._of_series(windows)

    async def _of_observations(self, windows: Windows) -> Answered:
        """Their count and sum, and what is made of these."""
        rows = await self._rows(increments_sql(TABLES[self.metric.type], self.selected.sql), windows, self.limit + 1)
        counts, sums = (_amounts(rows, windows, place) for place in (0, 1))
        match self.plan.aggregation:
            case "sum":
                cells = Cells(sums.values, sums.present & ~np.isnan(sums.values))
            case "avg":
                means = np.divide(sums.values, counts.values, out=np.zeros_like(sums.values), where=counts.values > 0)
                cells = Cells(means, (counts.values > 0) & ~np.isnan(means))
            case "rate":
                cells = Cells(counts.values / windows.seconds, counts.present)
            case _:
                cells = counts
        return self._limited([tuple(row["key"]) for row in rows], cells)

    async def _of_buckets(self, windows: Windows) -> Answered:
        """Percentiles and extremes of observations."""
        rows = await self._rows(KINDS[self.metric.type].sql(self.selected.sql), windows, self.limit + 1)
        return await to_thread.run_sync(self._estimated, rows, windows)

    def _estimated(self, rows: Sequence[dict[str, Any]], windows: Windows) -> Answered:
        value, low, high = (Cells.nothing(len(rows), windows.count) for _ in range(3))
        for row, found in enumerate(rows):
            for number, one in distributions(self.metric.type, found["parts"]).items():
                estimate = self._estimate(one)
                if estimate is not None:
                    for cells, known in ((value, estimate.value), (low, estimate.low), (high, estimate.high)):
                        cells.put(row, number, known)
        return self._limited([tuple(row["key"]) for row in rows], value, low, high)

    def _estimate(self, distribution: Distribution) -> Estimate | None:
        if self.plan.quantile is not None:
            return distribution.percentile(self.plan.quantile)
        return distribution.least if self.plan.aggregation == "min" else distribution.most

    async def _of_growth(self, windows: Windows) -> Answered:
        """What was added to all series of a group, in the engine."""
        rows = await self._rows(increments_sql(TABLES["sum"], self.selected.sql), windows, self.limit + 1)
        cells = self._as_rate(_amounts(rows, windows, 0), windows)
        return self._limited([tuple(row["key"]) for row in rows], cells)

    async def _of_series(self, windows: Windows) -> Answered:
        """One number a series, and then one a group."""
        members = await self.selected.members(self.reader)
        groups = sorted({member.keys for member in members}, key=_in_order)
        place = {keys: number for number, keys in enumerate(groups)}
        group: Integers = np.array([place[member.keys] for member in members], np.int64)
        levels = Levels(self.reader, self.metric, members, staleness=self.staleness)
        over_time = str(self.plan.over_time)
        if over_time in _GROWTH:
            cells = await self._growth_by_series(members, windows)
        else:
            cells = await levels.over_time(over_time, windows)
        if self.plan.aggregation == "last":
            instants = await levels.instants(windows)
            return self._ranked(groups, await to_thread.run_sync(newest, cells, instants, group, len(groups)))
        how = self.plan.aggregation if self.plan.quantile is None else self.plan.quantile
        return self._ranked(groups, await to_thread.run_sync(across_series, cells, group, len(groups), how))

    async def _growth_by_series(self, members: Sequence[Member], windows: Windows) -> Cells:
        rows = await self._rows(increments_sql(TABLES["sum"], self.selected.sql, "series"), windows, MOST_SERIES)
        place = {member.series: number for number, member in enumerate(members)}
        found = Cells.nothing(len(members), windows.count)
        known = [number for number, row in enumerate(rows) if row["key"] in place]
        where = [place[rows[number]["key"]] for number in known]
        amounts = self._as_rate(_amounts(rows, windows, 0), windows)
        found.values[where], found.present[where] = amounts.values[known], amounts.present[known]
        return found

    def _as_rate(self, cells: Cells, windows: Windows) -> Cells:
        return Cells(cells.values / windows.seconds, cells.present) if self.plan.over_time == "rate" else cells

    def _ranked(self, groups: Sequence[Keys], cells: Cells) -> Answered:
        """Those with the greatest values on average first, without those that have none."""
        filled = np.flatnonzero(cells.present.any(axis=1))
        averages = _averages(cells.take(filled))
        order = filled[np.argsort(np.where(np.isnan(averages), np.inf, -averages), kind="stable")]
        return self._limited([groups[row] for row in order], cells.take(order))

    def _limited(self, groups: Sequence[Keys], *cells: Cells) -> Answered:
        kept = [one.take(np.arange(min(self.limit, len(groups)))) for one in cells]
        return Answered(groups[: self.limit], kept[0], len(groups) > self.limit, *kept[1:])

    async def _rows(self, sql: str, windows: Windows, limit: int) -> list[dict[str, Any]]:
        bound = {**self.selected.parameters, **window_parameters(windows, self.staleness)}
        return await self.reader.rows(sql, bound, limit=limit)


def _in_order(keys: Keys) -> list[tuple[bool, str]]:
    """By value, those without one last."""
    return [(key is None, key or "") for key in keys]


def _amounts(rows: Sequence[dict[str, Any]], windows: Windows, place: int) -> Cells:
    """One of the amounts of rows of `increments_sql`."""
    found = Cells.nothing(len(rows), windows.count)
    for row, one in enumerate(rows):
        numbers = [number for number, _ in one["windows"]]
        found.values[row, numbers] = [amounts[place] for _, amounts in one["windows"]]
        found.present[row, numbers] = True
    return found


def _averages(cells: Cells) -> Floats:
    """Of each row, over its finite values; NaN where there is none."""
    counted = cells.present & np.isfinite(cells.values)
    sums = np.where(counted, cells.values, 0.0).sum(axis=1)
    counts = counted.sum(axis=1)
    averages = np.full(len(sums), np.nan)
    np.divide(sums, counts, out=averages, where=counts > 0)
    return averages
