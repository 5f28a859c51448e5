"""From a selector to series: names by the catalogue, labels by the engine."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from spanhouse_query.reader import Reader
from spanhouse_query.series.labels import NAME, Identity, identity
from spanhouse_query.series.names import label_name
from spanhouse_query.series.selector import Matcher, Selector
from spanhouse_query.series.source import Selection, Series
from spanhouse_query.series.stored.catalogue import Named, catalogue, metric_of, named_parts
from spanhouse_query.series.stored.labels_of_resources import target_labels
from spanhouse_query.series.stored.matching import Conditions, matching
from spanhouse_query.series.stored.target_info import target_info

_AHEAD = 3_600_000
"""How long before its time a point may arrive, milliseconds."""

_SERIES = """
SELECT
    metric,
    type::String AS metric_type,
    unit,
    temporality::String AS metric_temporality,
    monotonic,
    s.series AS id,
    s.scope_name AS scope,
    s.attributes AS attributes,
    r.attributes AS resource
FROM
(
    SELECT
        metric,
        series,
        any(type) AS type,
        any(unit) AS unit,
        any(temporality) AS temporality,
        any(monotonic) AS monotonic,
        any(scope_name) AS scope_name,
        any(attributes) AS attributes,
        any(resource_id) AS resource_id,
        max(last_seen) AS last_seen
    FROM
    (
        SELECT *
        FROM metric_series
        WHERE tenant = {{tenant:String}}
        AND metric IN {{metrics:Array(String)}}{conditions}
    )
    GROUP BY metric, series
) AS s
ANY LEFT JOIN (SELECT id, attributes FROM resources WHERE tenant = {{tenant:String}}) AS r ON r.id = s.resource_id
WHERE last_seen >= fromUnixTimestamp64Milli({{seen_from:Int64}}, 'UTC')
ORDER BY metric, id
LIMIT {{limit:UInt64}}
"""

# On the labels that are made of points, not of the series.
_LATE = {"bucket": "le", "quantile": "quantile"}


@dataclass(frozen=True, slots=True)
class _Found:
    """A stored series on its way to be one of the answer, or a part of one. apart: what else tells it from others."""

    series: Series
    apart: Mapping[str, str]


async def select(reader: Reader, selector: Selector, start: int, end: int, *, limit: int) -> Selection:
    """See SeriesSource.select. limit: stored series at most, of which one more is answered where there are more."""
    parts = list(named_parts(await catalogue(reader)))
    found: list[_Found] = []
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
) -> list[_Found]:
    if chosen[0].part == "info":
        return [_Found(series, {}) for series in await target_info(reader, matchers, seen[0] - _AHEAD)]
    conditions = Conditions()
    conditions.add(matchers)
    rows = await reader.rows(
        _SERIES.format(conditions=conditions.text),
        conditions.parameters,
        metrics=sorted({part.metric.name for part in chosen}),
        seen_from=seen[0] - _AHEAD,
        limit=limit + 1,
    )
    by_metric = defaultdict(list)
    for part in chosen:
        by_metric[part.metric].append(part)
    asked = {matcher.value for names in selector.alternatives for matcher in names if matcher.name == NAME}
    return [_found(row, part, selector, asked) for row in rows for part in by_metric[metric_of(row)]]


def _found(row: Mapping[str, Any], part: Named, selector: Selector, asked: set[str]) -> _Found:
    in_prometheus = selector.names == "prometheus" or (selector.names is None and _prometheus(part, asked))
    attributes: Mapping[str, str] = row["attributes"]
    labels = _translated(attributes) if in_prometheus else {key: value for key, value in attributes.items() if value}
    labels |= target_labels(row["resource"])
    labels[NAME] = part.prometheus if in_prometheus else part.opentelemetry
    metric = part.metric
    apart = {
        "otel_scope_name": row["scope"],
        "otel_metric_type": metric.type,
        "otel_metric_unit": metric.unit,
        "otel_metric_temporality": metric.temporality,
        "otel_metric_monotonic": str(metric.monotonic).lower(),
    }
    return _Found(Series(labels, metric, part.part, (row["id"],), row["resource"]), apart)


def _prometheus(part: Named, asked: set[str]) -> bool:
    """Whether Prometheus' names are meant: always, but where OpenTelemetry's name was asked for and is another."""
    return part.prometheus in asked or part.opentelemetry not in asked


def _translated(attributes: Mapping[str, str]) -> dict[str, str]:
    """Values whose keys become the same label are joined by a semicolon, in the order of the keys."""
    labels: dict[str, str] = {}
    for key in sorted(attributes):
        if value := attributes[key]:
            label = label_name(key)
            labels[label] = f"{labels[label]};{value}" if label in labels else value
    return labels


def _merged(found: Sequence[_Found]) -> list[Series]:
    """One series for each set of labels: what makes two different is added, what does not is joined."""
    groups: dict[Identity, list[_Found]] = defaultdict(list)
    for one in found:
        groups[identity(one.series.labels)].append(one)
    series: list[Series] = []
    for same in groups.values():
        series += [same[0].series] if len(same) == 1 else _told_apart(same)
    return series


def _told_apart(same: Sequence[_Found]) -> list[Series]:
    differing = [label for label in same[0].apart if len({one.apart.get(label) for one in same}) > 1]
    joined: dict[Identity, Series] = {}
    for one in same:
        more = {label: one.apart[label] for label in differing if one.apart[label]}
        labels = {**one.series.labels, **more}
        before = joined.setdefault(identity(labels), replace(one.series, labels=labels, ids=()))
        ids = tuple(dict.fromkeys((*before.ids, *one.series.ids)))
        joined[identity(labels)] = replace(before, ids=ids)
    return list(joined.values())
