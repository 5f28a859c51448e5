"""A query's answer for a row of windows, by the kind of metric it is about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from anyio import to_thread

from spanhouse_query.metric_queries.across import across_series, newest
from spanhouse_query.metric_queries.aggregations import Plan
from spanhouse_query.metric_queries.cells import Answered, Cells, Floats
from spanhouse_query.metric_queries.chosen import ChosenMetric
from spanhouse_query.metric_queries.distribution import Distribution, Estimate
from spanhouse_query.metric_queries.distributions import ByWindow, read_distributions
from spanhouse_query.metric_queries.growth import Growth
from spanhouse_query.metric_queries.levels import Levels
from spanhouse_query.metric_queries.members import Keys
from spanhouse_query.metric_queries.selected import SelectedSeries
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
        """A row a group and a column a window; groups without any value are left out.

        What is beyond the doubles is infinite, and NaN what infinities leave open.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            return await self._answer(windows)

    async def _answer(self, windows: Windows) -> Answered:
        if self.plan.over_time is None:
            in_buckets = self.plan.quantile is not None or self.plan.aggregation in ("min", "max")
            return await (self._of_buckets if in_buckets else self._of_observations)(windows)
        if self.plan.over_time in _GROWTH and self.plan.aggregation in ("sum", *_GROWTH):
            return await self._of_growth(windows)
        return await self._of_series(windows)

    async def _of_observations(self, windows: Windows) -> Answered:
        """Their count and sum, and what is made of these."""
        members = await self.selected.members(self.reader)
        counts, sums = await self._growth.read(members, windows)
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
        return self._ranked(members.groups, cells)

    async def _of_buckets(self, windows: Windows) -> Answered:
        """Percentiles and extremes of observations, of the groups with the most of them."""
        members = await self.selected.members(self.reader)
        counts, *_ = await self._growth.read(members, windows)
        most = np.argsort(-np.where(counts.present, counts.values, 0.0).sum(axis=1), kind="stable")
        kept = most[counts.present[most].any(axis=1)]
        shown = members.in_groups(kept[: self.limit])
        found = await read_distributions(self.reader, self.metric, shown, windows, lookback=self.staleness)
        answered = await to_thread.run_sync(self._estimated, shown.groups, found, windows)
        return replace(answered, truncated=len(kept) > self.limit)

    def _estimated(self, groups: Sequence[Keys], found: Sequence[ByWindow], windows: Windows) -> Answered:
        value, low, high = (Cells.nothing(len(groups), windows.count) for _ in range(3))
        for row, by_window in enumerate(found):
            for number, one in by_window.items():
                estimate = self._estimate(one)
                if estimate is not None:
                    for cells, known in ((value, estimate.value), (low, estimate.low), (high, estimate.high)):
                        cells.put(row, number, known)
        return Answered(groups, value, low=low, high=high)

    def _estimate(self, distribution: Distribution) -> Estimate | None:
        if self.plan.quantile is not None:
            return distribution.percentile(self.plan.quantile)
        return distribution.least if self.plan.aggregation == "min" else distribution.most

    async def _of_growth(self, windows: Windows) -> Answered:
        """What was added to all series of a group."""
        members = await self.selected.members(self.reader)
        added, *_ = await self._growth.read(members, windows)
        return self._ranked(members.groups, self._as_rate(added, windows))

    async def _of_series(self, windows: Windows) -> Answered:
        """One number a series, and then one a group."""
        members = await self.selected.members(self.reader)
        group, groups = members.group, len(members.groups)
        levels = Levels(self.reader, self.metric, members, staleness=self.staleness)
        over_time = str(self.plan.over_time)
        if over_time in _GROWTH:
            added, *_ = await self._growth.read(members.each, windows)
            cells = self._as_rate(added, windows)
        else:
            cells = await levels.over_time(over_time, windows)
        if self.plan.aggregation == "last":
            instants = await levels.instants(windows)
            found = await to_thread.run_sync(newest, cells, instants, group, groups)
        else:
            how = self.plan.aggregation if self.plan.quantile is None else self.plan.quantile
            found = await to_thread.run_sync(across_series, cells, group, groups, how)
        return self._ranked(members.groups, found)

    @property
    def _growth(self) -> Growth:
        return Growth(self.reader, self.metric, self.staleness)

    def _as_rate(self, cells: Cells, windows: Windows) -> Cells:
        return Cells(cells.values / windows.seconds, cells.present) if self.plan.over_time == "rate" else cells

    def _ranked(self, groups: Sequence[Keys], cells: Cells) -> Answered:
        """Those with the greatest values on average first, without those that have none."""
        filled = np.flatnonzero(cells.present.any(axis=1))
        averages = _averages(cells.take(filled))
        order = filled[np.argsort(np.where(np.isnan(averages), np.inf, -averages), kind="stable")]
        kept = order[: self.limit]
        return Answered([groups[row] for row in kept], cells.take(kept), len(order) > self.limit)


def _averages(cells: Cells) -> Floats:
    """Of each row, over its finite values; NaN where there is none."""
    counted = cells.present & np.isfinite(cells.values)
    sums = np.where(counted, cells.values, 0.0).sum(axis=1)
    counts = counted.sum(axis=1)
    averages = np.full(len(sums), np.nan)
    np.divide(sums, counts, out=averages, where=counts > 0)
    return averages
