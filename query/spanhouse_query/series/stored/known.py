"""What is known of stored series by their ids: it never changes, so it is read once and kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

from spanhouse_storage import Store

from spanhouse_query.reader import Reader
from spanhouse_query.series.labels import NAME, Identity, identity
from spanhouse_query.series.metric import Metric
from spanhouse_query.series.names import label_name
from spanhouse_query.series.source import Series
from spanhouse_query.series.stored.catalogue import Named, metric_of
from spanhouse_query.series.stored.labels_of_resources import target_labels

_KEPT = 200_000
"""Series of all tenants, about 1 kB each."""
_AT_ONCE = 5_000

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
        any(resource_id) AS resource_id
    FROM metric_series
    WHERE tenant = {tenant:String} AND series IN {ids:Array(UInt64)}
    GROUP BY metric, series
) AS s
ANY LEFT JOIN (SELECT id, attributes FROM resources WHERE tenant = {tenant:String}) AS r ON r.id = s.resource_id
"""


@dataclass(frozen=True, slots=True)
class Found:
    """A stored series, or a part of one, as an answer may have it. apart: what else tells it from others."""

    series: Series
    apart: Mapping[str, str]
    identity: Identity


@dataclass(frozen=True, slots=True)
class KnownSeries:
    """A stored series: its metric, scope, and the attributes of its points and of what sends it."""

    id: int
    metric: Metric
    scope: str
    attributes: Mapping[str, str]
    resource: Mapping[str, str]
    _parts: dict[tuple[str, str, bool], Found] = field(default_factory=dict)

    def found(self, part: Named, *, in_prometheus: bool) -> Found:
        """A part of it with labels in Prometheus' names, or in OpenTelemetry's."""
        key = (part.prometheus, part.opentelemetry, in_prometheus)
        if key not in self._parts:
            self._parts[key] = self._made(part, in_prometheus=in_prometheus)
        return self._parts[key]

    def _made(self, part: Named, *, in_prometheus: bool) -> Found:
        labels = _translated(self.attributes) if in_prometheus else _filled(self.attributes)
        labels |= target_labels(self.resource)
        labels[NAME] = part.prometheus if in_prometheus else part.opentelemetry
        series = Series(labels, self.metric, part.part, (self.id,), self.resource)
        return Found(series, self._apart(), identity(labels))

    def _apart(self) -> Mapping[str, str]:
        return {
            "otel_scope_name": self.scope,
            "otel_metric_type": self.metric.type,
            "otel_metric_unit": self.metric.unit,
            "otel_metric_temporality": self.metric.temporality,
            "otel_metric_monotonic": str(self.metric.monotonic).lower(),
        }


_known: WeakKeyDictionary[Store, dict[tuple[str, int], KnownSeries]] = WeakKeyDictionary()


async def known_series(reader: Reader, ids: Sequence[int]) -> list[KnownSeries]:
    """The series with these ids, in this order; those that are gone are left out."""
    known, tenant = _known.setdefault(reader.store, {}), reader.tenant
    missing = [one for one in ids if (tenant, one) not in known]
    if len(known) + len(missing) > _KEPT:
        known.clear()
        missing = list(ids)
    read: dict[tuple[str, int], KnownSeries] = {}
    for first in range(0, len(missing), _AT_ONCE):
        rows = await reader.rows(_SERIES, ids=missing[first : first + _AT_ONCE])
        read |= {(tenant, row["id"]): _series(row) for row in rows}
    # A resource is stored right after its first series: until it is there, the series is not known for good.
    known |= {key: one for key, one in read.items() if one.resource}
    found = (known.get((tenant, one)) or read.get((tenant, one)) for one in ids)
    return [one for one in found if one is not None]


def _series(row: Mapping[str, Any]) -> KnownSeries:
    return KnownSeries(row["id"], metric_of(row), row["scope"], row["attributes"], row["resource"])


def _filled(attributes: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in attributes.items() if value}


def _translated(attributes: Mapping[str, str]) -> dict[str, str]:
    """Values whose keys become the same label are joined by a semicolon, in the order of the keys."""
    labels: dict[str, str] = {}
    for key in sorted(attributes):
        if value := attributes[key]:
            label = label_name(key)
            labels[label] = f"{labels[label]};{value}" if label in labels else value
    return labels
