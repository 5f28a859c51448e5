"""From a selector to series: names by the catalogue, labels by the engine."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from spanhouse_query.reader import Reader
from spanhouse_query.series.labels import NAME, Identity, identity
from spanhouse_query.series.selector import Matcher, Selector
from spanhouse_query.series.source import Selection, Series
from spanhouse_query.series.stored.catalogue import Named, catalogue, named_parts
from spanhouse_query.series.stored.known import Found, known_series
from spanhouse_query.series.stored.matching import Conditions, matching
from spanhouse_query.series.stored.target_info import target_info

_AHEAD = 3_600_000
"""How long before its time a point may arrive, milliseconds."""

_IDS = """
SELECT series
FROM metric_series
WHERE tenant = {{tenant:String}}
    AND metric IN {{metrics:Array(String)}}{conditions}
GROUP BY metric, series
HAVING max(last_seen) >= fromUnixTimestamp64Milli({{seen_from:Int64}}, 'UTC')
ORDER BY metric, series
LIMIT {{limit:UInt64}}
"""

# On the labels that are made of points, not of the series.
_LATE = {"bucket": "le", "quantile": "quantile"}


async def select(reader: Reader, selector: Selector, start: int, end: int, *, limit: int) -> Selection:
    """See SeriesSource.select. limit: stored series at most, of which one more is answered where there are more."""
    parts = list(named_parts(await catalogue(reader)))
    found: list[Found] = []
    late: dict[Matcher, None] = {}
    for matchers in selector.alternatives:
        names = [matcher for matcher in matchers if matcher.name == NAME]
        others = [matcher for matcher in matchers if matcher.name != NAME]
        late |= {matcher: None for matcher in others if matcher.name in _LATE.values()}
        for chosen in _by_late_label(await _named(reader, parts, names)):
            early = [matcher for matcher in others if matcher.name != _LATE.get(chosen[0].part)]
            found += await _stored(reader, chosen, early, selector, (start, end), limit)
    return Selection(_merged(found), tuple(late))


async def _named(reader: Reader, parts: Sequence[Named], names: Sequence[Matcher]) -> list[Named]:
    """The parts of the matchers on the name: OpenTelemetry's names count only where one is asked for."""
    known = await matching(reader, sorted({part.prometheus for part in parts}), names)
    if known or not names or any(matcher.operator != "=" for matcher in names):
        return [part for part in parts if part.prometheus in known]
    asked = {matcher.value for matcher in names}
    return [part for part in parts if {part.opentelemetry} == asked]


def _by_late_label(chosen: Iterable[Named]) -> list[list[Named]]:
    groups: dict[str, list[Named]] = defaultdict(list)
    for part in chosen:
        groups["info" if part.part == "info" else _LATE.get(part.part, "")].append(part)
    return list(groups.values())


async def _stored(
    reader: Reader,
    chosen: Sequence[Named],
    matchers: Sequence[Matcher],
    selector: Selector,
    seen: tuple[int, int],
    limit: int,
) -> list[Found]:
    if chosen[0].part == "info":
        return [
            Found(series, {}, identity(series.labels))
            for series in await target_info(reader, matchers, seen[0] - _AHEAD)
        ]
    conditions = Conditions()
    conditions.add(matchers)
    answer = await reader.raw(
        _IDS.format(conditions=conditions.text),
        output="RowBinary",
        settings={},
        **conditions.parameters,
        metrics=sorted({part.metric.name for part in chosen}),
        seen_from=seen[0] - _AHEAD,
        limit=limit + 1,
    )
    by_metric = defaultdict(list)
    for part in chosen:
        by_metric[part.metric].append(part)
    asked = {matcher.value for names in selector.alternatives for matcher in names if matcher.name == NAME}
    known = await known_series(reader, np.frombuffer(answer, "<u8").tolist())
    return [
        one.found(part, in_prometheus=_in_prometheus(part, selector, asked))
        for one in known
        for part in by_metric.get(one.metric, ())
    ]


def _in_prometheus(part: Named, selector: Selector, asked: set[str]) -> bool:
    """Whether Prometheus' names are meant: always, but where OpenTelemetry's name was asked for and is another."""
    if selector.names is not None:
        return selector.names == "prometheus"
    return part.prometheus in asked or part.opentelemetry not in asked


def _merged(found: Sequence[Found]) -> list[Series]:
    """One series for each set of labels: what makes two different is added, what does not is joined."""
    groups: dict[Identity, list[Found]] = defaultdict(list)
    for one in found:
        groups[one.identity].append(one)
    series: list[Series] = []
    for same in groups.values():
        series += [same[0].series] if len(same) == 1 else _told_apart(same)
    return series


def _told_apart(same: Sequence[Found]) -> list[Series]:
    differing = [label for label in same[0].apart if len({one.apart.get(label) for one in same}) > 1]
    joined: dict[Identity, Series] = {}
    for one in same:
        more = {label: one.apart[label] for label in differing if one.apart[label]}
        labels = {**one.series.labels, **more}
        before = joined.setdefault(identity(labels), replace(one.series, labels=labels, ids=()))
        ids = tuple(dict.fromkeys((*before.ids, *one.series.ids)))
        joined[identity(labels)] = replace(before, ids=ids)
    return list(joined.values())
