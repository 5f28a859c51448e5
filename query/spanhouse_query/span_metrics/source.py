"""Metrics made from spans as a source of series."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from anyio import to_thread

from spanhouse_query.endpoint import Call
from spanhouse_query.series.grouped import Groups
from spanhouse_query.series.labels import NAME, Labels
from spanhouse_query.series.limits import Budget
from spanhouse_query.series.matrix import Matrix
from spanhouse_query.series.metric import CatalogueEntry
from spanhouse_query.series.selector import Matcher, Selector
from spanhouse_query.series.source import Exemplar, Grouping, Leaf, RawSeries, Selection, Series
from spanhouse_query.series.steps import Steps
from spanhouse_query.series.stored.matching import matching
from spanhouse_query.span_metrics.conditions import Alternatives
from spanhouse_query.span_metrics.durations import LES
from spanhouse_query.span_metrics.evaluation import Part, laid_out
from spanhouse_query.span_metrics.exemplars import exemplars
from spanhouse_query.span_metrics.growing import GROWTH, RATES, windows
from spanhouse_query.span_metrics.names import SPAN_METRICS, SpanMetric
from spanhouse_query.span_metrics.reading import Counts, Wanted, read
from spanhouse_query.span_metrics.timeline import Clock, Timeline, of_minutes, of_windows

_SEEN = """
SELECT toUnixTimestamp64Milli(min(first_seen)) AS first, toUnixTimestamp64Milli(max(last_seen)) AS last
FROM red_1d
WHERE tenant = {tenant:String}
"""


@dataclass(frozen=True, slots=True)
class SpanSeries(Series):
    """A series made from spans, or all those of a metric before they are read. alternatives: what was asked for."""

    alternatives: Alternatives = field(default=((),))


class SpanMetrics:
    """A tenant's spans as metrics. listing: whether `select` reads which series there are; else `evaluate` does.

    budget: what all evaluations together may hold.
    """

    def __init__(self, call: Call, *, listing: bool = False, budget: Budget | None = None) -> None:
        self._call = call
        self._listing = listing
        self._budget = budget or Budget()
        self._seen: dict[tuple[object, ...], Sequence[Labels]] = {}

    async def catalogue(self) -> Sequence[CatalogueEntry]:
        """See SeriesSource. Their series are not counted. There are none before the first span."""
        (row,) = await self._call.reader.rows(_SEEN)
        if not row["last"]:
            return []
        by_family = {each.family: each for each in SPAN_METRICS.values()}
        return [
            CatalogueEntry(each.metric, family, each.help, 0, row["first"], row["last"])
            for family, each in by_family.items()
        ]

    async def select(self, selector: Selector, start: int, end: int) -> Selection:
        """See SeriesSource."""
        found: dict[str, list[tuple[Matcher, ...]]] = defaultdict(list)
        late: dict[Matcher, None] = {}
        for matchers in selector.alternatives:
            named = [matcher for matcher in matchers if matcher.name == NAME]
            for name in sorted(await matching(self._call.reader, list(SPAN_METRICS), named)):
                others = tuple(matcher for matcher in matchers if matcher.name != NAME)
                if SPAN_METRICS[name].part == "bucket":
                    late |= {matcher: None for matcher in others if matcher.name == "le"}
                    others = tuple(matcher for matcher in others if matcher.name != "le")
                found[name].append(others)
        if len(found) > 1 and not await self.catalogue():
            return Selection([], tuple(late))
        series: list[SpanSeries] = []
        for name, every in found.items():
            metric, alternatives = SPAN_METRICS[name], tuple(dict.fromkeys(every))
            if self._listing:
                series += await self._listed(metric, alternatives, start, end)
            else:
                series.append(_one(Wanted(metric, alternatives), {}))
        return Selection(series, tuple(late))

    async def evaluate(self, selection: Selection, leaf: Leaf, grouping: Grouping | None = None) -> Matrix:
        """See SeriesSource."""
        if leaf.function in GROWTH:
            timeline = of_windows(self._clock, leaf.steps, windows(leaf))
        else:
            timeline = of_minutes(self._clock, leaf.steps, leaf.window)
        les = await self._les(selection.late)
        if grouping is not None and grouping.aggregation == "group" and not grouping.key({"le": "+Inf"}):
            les = les[-1:]
        summed = grouping is not None and grouping.aggregation == "sum" and leaf.function in RATES
        key = grouping.key if grouping is not None and summed else None
        parts: list[Part] = []
        for wanted in _wanted(selection.series) if timeline is not None else ():
            assert timeline is not None  # noqa: S101
            counts = await self._read(wanted, timeline)
            parts += laid_out(wanted.metric, timeline, counts, leaf.steps.count, les, key)
        if len(parts) == 1 and key is not None:
            return await to_thread.run_sync(_matrix, parts[0], leaf)
        groups = Groups(leaf.steps.count, grouping)
        for part in parts:
            matrix = await to_thread.run_sync(_matrix, part, leaf)
            await to_thread.run_sync(groups.add, matrix)
            self._budget.hold(groups.rows, leaf.steps.count)
        return groups.matrix()

    async def samples(self, selection: Selection, after: int, until: int) -> Sequence[RawSeries]:
        """See SeriesSource."""
        found: list[RawSeries] = []
        timeline = of_minutes(self._clock, Steps.at(until), until - after)
        les = await self._les(selection.late)
        for wanted in _wanted(selection.series) if timeline is not None else ():
            assert timeline is not None  # noqa: S101
            counts = await self._read(wanted, timeline)
            for part in laid_out(wanted.metric, timeline, counts, 1, les):
                found += part().raw(after, until)
        return found

    async def exemplars(
        self, selection: Selection, after: int, until: int
    ) -> Sequence[tuple[Series, Sequence[Exemplar]]]:
        """See SeriesSource."""
        found: list[tuple[Series, Sequence[Exemplar]]] = []
        for wanted in _wanted(selection.series):
            for labels, of_series in await exemplars(self._call, wanted, after, until):
                found.append((_one(wanted, labels), of_series))
        return found

    @property
    def _clock(self) -> Clock:
        return Clock.of(self._call.settings.retention, self._call.reader.now)

    async def _read(self, wanted: Wanted, timeline: Timeline) -> Counts:
        counts = await read(self._call, wanted, timeline)
        self._budget.read(counts.cell.size + counts.entry.size)
        return counts

    async def _les(self, late: Sequence[Matcher]) -> list[str]:
        kept = await matching(self._call.reader, LES, [matcher for matcher in late if matcher.name == "le"])
        return [name for name in LES if name in kept]

    async def _listed(self, metric: SpanMetric, alternatives: Alternatives, start: int, end: int) -> list[SpanSeries]:
        """Series by what any metric of the same rows counts: of some there may be no durations."""
        counting = Wanted(metric.plain, alternatives)
        timeline = of_windows(self._clock, Steps.at(end), [max(end - start, 1)])
        key = (metric.rows.split, metric.rows.source, alternatives, start, end)
        if key not in self._seen:
            self._seen[key] = [] if timeline is None else (await read(self._call, counting, timeline)).labels
        return [_one(Wanted(metric, alternatives), labels) for labels in self._seen[key]]


def _matrix(part: Part, leaf: Leaf) -> Matrix:
    with np.errstate(all="ignore"):
        return part().matrix(leaf)


def _wanted(series: Sequence[Series]) -> list[Wanted]:
    pairs = {(one.labels[NAME], one.alternatives): None for one in series if isinstance(one, SpanSeries)}
    return [Wanted(SPAN_METRICS[name], alternatives) for name, alternatives in pairs]


def _one(wanted: Wanted, labels: Labels) -> SpanSeries:
    metric = wanted.metric
    return SpanSeries({NAME: metric.name, **labels}, metric.metric, metric.part, (), alternatives=wanted.alternatives)
