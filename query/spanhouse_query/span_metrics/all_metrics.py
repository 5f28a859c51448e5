"""Metrics that were received and those made from spans, as one source: the only place where the two meet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from spanhouse_query.endpoint import Call
from spanhouse_query.series.grouped import grouped
from spanhouse_query.series.labels import NAME
from spanhouse_query.series.matrix import Matrix
from spanhouse_query.series.metric import CatalogueEntry
from spanhouse_query.series.selector import Selector
from spanhouse_query.series.source import Exemplar, Grouping, Leaf, RawSeries, Selection, Series, SeriesSource
from spanhouse_query.series.stored import StoredMetrics
from spanhouse_query.series.stored.catalogue import named_parts
from spanhouse_query.span_metrics.names import SPAN_METRICS
from spanhouse_query.span_metrics.source import SpanMetrics, SpanSeries


class AllMetrics:
    """Each name is that of a received metric, or else of one made from spans.

    Who sends metrics of these names, from another generator, is answered with those and not with both.
    """

    def __init__(self, stored: SeriesSource, spans: SeriesSource) -> None:
        self._stored = stored
        self._spans = spans
        self._received: frozenset[str] | None = None

    async def catalogue(self) -> Sequence[CatalogueEntry]:
        """See SeriesSource."""
        received = await self._stored.catalogue()
        names = {entry.prometheus for entry in received}
        return [*received, *(entry for entry in await self._spans.catalogue() if entry.prometheus not in names)]

    async def select(self, selector: Selector, start: int, end: int) -> Selection:
        """See SeriesSource."""
        made = await self._spans.select(selector, start, end)
        received = await self._names() if made.series else frozenset()
        if made.series and _only_made(selector) and not received & SPAN_METRICS.keys():
            return made
        found = await self._stored.select(selector, start, end)
        kept = [one for one in made.series if one.labels[NAME] not in received]
        return Selection([*found.series, *kept], tuple(dict.fromkeys((*found.late, *made.late))))

    async def evaluate(self, selection: Selection, leaf: Leaf, grouping: Grouping | None = None) -> Matrix:
        """See SeriesSource."""
        parts = self._parts(selection)
        if len(parts) == 1:
            ((source, part),) = parts
            return await source.evaluate(part, leaf, grouping)
        rows = [await source.evaluate(part, leaf) for source, part in parts]
        joined = Matrix.concatenated(rows, leaf.steps.count)
        return joined if grouping is None else grouped(joined, grouping)

    async def samples(self, selection: Selection, after: int, until: int) -> Sequence[RawSeries]:
        """See SeriesSource."""
        return [one for source, part in self._parts(selection) for one in await source.samples(part, after, until)]

    async def exemplars(
        self, selection: Selection, after: int, until: int
    ) -> Sequence[tuple[Series, Sequence[Exemplar]]]:
        """See SeriesSource."""
        return [one for source, part in self._parts(selection) for one in await source.exemplars(part, after, until)]

    def _parts(self, selection: Selection) -> list[tuple[SeriesSource, Selection]]:
        """What of it is whose, at least one part."""
        made = [one for one in selection.series if isinstance(one, SpanSeries)]
        if not made:
            return [(self._stored, selection)]
        received = [one for one in selection.series if not isinstance(one, SpanSeries)]
        parts = [(self._spans, replace(selection, series=made))]
        return [(self._stored, replace(selection, series=received)), *parts] if received else parts

    async def _names(self) -> frozenset[str]:
        if self._received is None:
            self._received = frozenset(part.prometheus for part in named_parts(await self._stored.catalogue()))
        return self._received


def _only_made(selector: Selector) -> bool:
    """Whether it asks by name for nothing but metrics that are made from spans."""
    return all(
        any(each.name == NAME and each.operator == "=" and each.value in SPAN_METRICS for each in matchers)
        for matchers in selector.alternatives
    )


def metrics_of(call: Call, *, listing: bool = False) -> AllMetrics:
    """All metrics of a request's tenant. listing: for those who ask which series there are, and not for values."""
    return AllMetrics(StoredMetrics(call.reader), SpanMetrics(call, listing=listing))
