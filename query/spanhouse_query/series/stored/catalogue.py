"""Which metrics a tenant has, and what PromQL calls them and their parts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from spanhouse_query.reader import Reader
from spanhouse_query.series.metric import CatalogueEntry, Metric
from spanhouse_query.series.names import prometheus_name
from spanhouse_query.series.source import Part

_CATALOGUE = """
SELECT
    metric,
    type::String AS metric_type,
    unit,
    temporality::String AS metric_temporality,
    monotonic,
    anyLast(description) AS shown_description,
    uniqExact(series) AS series_count,
    toUnixTimestamp64Milli(min(first_seen)) AS first,
    toUnixTimestamp64Milli(max(last_seen)) AS last
FROM metric_series
WHERE tenant = {tenant:String}
GROUP BY metric, type, unit, temporality, monotonic
ORDER BY metric, metric_type, unit
"""

# Of each type the parts that are series of their own, with what PromQL appends to the name.
PARTS: Mapping[str, tuple[tuple[str, Part], ...]] = {
    "gauge": (("", "value"),),
    "sum": (("", "value"),),
    "histogram": (("_bucket", "bucket"), ("_sum", "sum"), ("_count", "count")),
    "exponential_histogram": (("", "histogram"), ("_sum", "sum"), ("_count", "count")),
    "summary": (("", "quantile"), ("_sum", "sum"), ("_count", "count")),
}

TARGET_INFO = Metric("target_info", "gauge")


@dataclass(frozen=True, slots=True)
class Named:
    """A part of a metric under both of its names."""

    prometheus: str
    opentelemetry: str
    metric: Metric
    part: Part


async def catalogue(reader: Reader) -> list[CatalogueEntry]:
    """The tenant's metrics by name."""
    return [_entry(row) for row in await reader.rows(_CATALOGUE)]


def named_parts(entries: Sequence[CatalogueEntry]) -> Iterator[Named]:
    """Everything in PromQL that has a name, `target_info` last."""
    for entry in entries:
        for suffix, part in PARTS[entry.metric.type]:
            yield Named(entry.prometheus + suffix, entry.metric.name + suffix, entry.metric, part)
    if entries:
        yield Named(TARGET_INFO.name, TARGET_INFO.name, TARGET_INFO, "info")


def _entry(row: Mapping[str, object]) -> CatalogueEntry:
    metric = metric_of(row)
    return CatalogueEntry(
        metric=metric,
        prometheus=prometheus_name(metric),
        description=str(row["shown_description"]),
        series=int(str(row["series_count"])),
        first_seen=int(str(row["first"])),
        last_seen=int(str(row["last"])),
    )


def metric_of(row: Mapping[str, object]) -> Metric:
    """The metric of a row with its five columns."""
    return Metric(
        name=str(row["metric"]),
        type=row["metric_type"],  # type: ignore[arg-type]
        unit=str(row["unit"]),
        temporality=row["metric_temporality"],  # type: ignore[arg-type]
        monotonic=bool(row["monotonic"]),
    )
