"""Stored metrics as a source of series."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from anyio import to_thread

from spanhouse_query.concurrently import every
from spanhouse_query.reader import Reader
from spanhouse_query.series.grouped import Groups
from spanhouse_query.series.labels import Labels, identity
from spanhouse_query.series.limits import Budget
from spanhouse_query.series.matrix import Matrix
from spanhouse_query.series.metric import CatalogueEntry
from spanhouse_query.series.native_functions import NUMBERS, NativeSamples, apply_native, without_markers
from spanhouse_query.series.range_functions import RANGE_FUNCTIONS, apply
from spanhouse_query.series.selector import Matcher, Selector
from spanhouse_query.series.source import Exemplar, Grouping, Leaf, RawSeries, Selection, Series
from spanhouse_query.series.stored import catalogue, selecting
from spanhouse_query.series.stored.exemplars import exemplars
from spanhouse_query.series.stored.fetching import TABLES, Stretch
from spanhouse_query.series.stored.grids import computable, grids
from spanhouse_query.series.stored.natives import natives
from spanhouse_query.series.stored.numbers import Labelled, numbers
from spanhouse_query.series.stored.raw import raw_histograms, raw_numbers
from spanhouse_query.series.stored.target_info import info_samples
from spanhouse_query.series.stored.tiers import from_tier, tier_of

_SERIES = 1_000_000
_EXEMPLARS = 10_000
# What is read at once: series, samples of them if one comes every ten seconds, and values at steps.
_CHUNK_SERIES = 2_000
_CHUNK_SAMPLES = 4_000_000
_CHUNK_VALUES = 4_000_000
_AT_ONCE = 2
_USUAL_INTERVAL = 10_000


class StoredMetrics:
    """A tenant's metrics. budget: what all evaluations together may read."""

    def __init__(self, reader: Reader, budget: Budget | None = None) -> None:
        self._reader = reader
        self._budget = budget or Budget()

    async def catalogue(self) -> Sequence[CatalogueEntry]:
        """See SeriesSource."""
        return await catalogue.catalogue(self._reader)

    async def select(self, selector: Selector, start: int, end: int) -> Selection:
        """See SeriesSource."""
        return await selecting.select(self._reader, selector, start, end, limit=_SERIES)

    async def evaluate(self, selection: Selection, leaf: Leaf, grouping: Grouping | None = None) -> Matrix:
        """See SeriesSource."""
        self._budget.hold(_rows(selection.series, grouping), leaf.steps.count)
        groups = Groups(leaf.steps.count, grouping)
        length = leaf.window + leaf.steps.last - leaf.steps.start
        chunks = list(_chunks(selection.series, length, steps=leaf.steps.count))
        for first in range(0, len(chunks), _AT_ONCE):
            some = chunks[first : first + _AT_ONCE]
            for matrix in await every([self._matrix(series, selection.late, leaf) for series in some]):
                await to_thread.run_sync(groups.add, matrix)
            self._budget.hold(groups.rows, leaf.steps.count)
        return groups.matrix()

    async def samples(self, selection: Selection, after: int, until: int) -> Sequence[RawSeries]:
        """See SeriesSource."""
        found: list[RawSeries] = []
        for series in _chunks(selection.series, until - after):
            if series[0].part == "histogram":
                native = without_markers(
                    await natives(self._reader, _stretch(series, after, until), series, self._budget)
                )
                found += raw_histograms([one.labels for one in series], native)
            else:
                labelled = await self._numbers(series, selection.late, after, until, started=False)
                found += raw_numbers(labelled.labels, labelled.samples)
        return found

    async def exemplars(
        self, selection: Selection, after: int, until: int
    ) -> Sequence[tuple[Series, Sequence[Exemplar]]]:
        """See SeriesSource."""
        return await exemplars(self._reader, selection.series, after, until, limit=_EXEMPLARS)

    async def _matrix(self, series: Sequence[Series], late: Sequence[Matcher], leaf: Leaf) -> Matrix:
        """Of series that are the same part of metrics of one type and temporality."""
        if tier := tier_of(leaf, series[0]):
            stretch = _stretch(series, leaf.steps.start - leaf.window, leaf.steps.last)
            return await from_tier(self._reader, tier, stretch, series, leaf)
        in_engine = [one for one in series if computable(leaf, one)]
        if not in_engine:
            return await self._computed_here(series, late, leaf)
        stretch = _stretch(in_engine, leaf.steps.start - leaf.window, leaf.steps.last)
        computed = await grids(self._reader, stretch, in_engine, leaf)
        left = [*computed.left, *(one for one in series if not computable(leaf, one))]
        here = [await self._computed_here(left, late, leaf)] if left else []
        return Matrix.concatenated([computed.matrix, *here], leaf.steps.count)

    async def _computed_here(self, series: Sequence[Series], late: Sequence[Matcher], leaf: Leaf) -> Matrix:
        after, until = leaf.steps.start - leaf.window, leaf.steps.last
        deltas = series[0].metric.delta
        if series[0].part == "histogram":
            native = await natives(self._reader, _stretch(series, after, until), series, self._budget)
            labels = [one.labels for one in series]
            if leaf.function in NUMBERS:
                return await _computed(leaf, Labelled(labels, native.samples), deltas=False)
            return await to_thread.run_sync(lambda: _native(leaf, labels, native, deltas=deltas))
        started = RANGE_FUNCTIONS[leaf.function].counter and not deltas
        return await _computed(leaf, await self._numbers(series, late, after, until, started=started), deltas=deltas)

    async def _numbers(
        self, series: Sequence[Series], late: Sequence[Matcher], after: int, until: int, *, started: bool
    ) -> Labelled:
        if series[0].part == "info":
            return Labelled([one.labels for one in series], info_samples(series, after, until))
        return await numbers(self._reader, _stretch(series, after, until), series, late, self._budget, started=started)


def _rows(series: Sequence[Series], grouping: Grouping | None) -> int:
    """How many rows an answer will have at least, if all series have something: known before a point is read."""
    return len(series) if grouping is None else len({identity(grouping.key(one.labels)) for one in series})


def _stretch(series: Sequence[Series], after: int, until: int) -> Stretch:
    names = sorted({one.metric.name for one in series})
    return Stretch(TABLES[series[0].metric.type], names, [one for each in series for one in each.ids], after, until)


async def _computed(leaf: Leaf, found: Labelled, *, deltas: bool) -> Matrix:
    def compute() -> Matrix:
        values, present = apply(leaf.function, found.samples, leaf.steps, leaf.window, leaf.parameters, deltas=deltas)
        return Matrix(found.labels, values, present).not_empty()

    return await to_thread.run_sync(compute)


def _native(leaf: Leaf, labels: Sequence[Labels], native: NativeSamples, *, deltas: bool) -> Matrix:
    cells = apply_native(leaf.function, native, leaf.steps, leaf.window, deltas=deltas)
    if cells is None:
        return Matrix.empty(leaf.steps.count)
    empty = Matrix.absent(labels, leaf.steps.count)
    return Matrix(labels, empty.values, empty.present, cells).not_empty()


def _chunks(series: Sequence[Series], length: int, *, steps: int = 1) -> Iterator[Sequence[Series]]:
    """Series that can be read in one query over that many milliseconds and steps, in the order of the tables."""
    kinds: dict[tuple[str, str, bool, bool], list[Series]] = defaultdict(list)
    for one in series:
        kinds[one.part, TABLES[one.metric.type], one.metric.delta, len(one.ids) == 1].append(one)
    size = max(1, min(_CHUNK_SERIES, _CHUNK_SAMPLES * _USUAL_INTERVAL // max(length, 1), _CHUNK_VALUES // steps))
    for same in kinds.values():
        same.sort(key=lambda one: (one.metric.name, one.ids))
        for first in range(0, len(same), size):
            yield same[first : first + size]
