"""Prometheus's metrics as OTLP, by the rules of OpenTelemetry's "Prometheus and OpenMetrics Compatibility".

Names, labels and values stay what a scrape shows. A counter becomes a monotonic cumulative sum, a histogram one with
the same bounds, a gauge a gauge; `_created` becomes the start of its series.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AGGREGATION_TEMPORALITY_CUMULATIVE,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from prometheus_client.metrics_core import Metric as Family

SCOPE = "spanhouse"

Labels = tuple[tuple[str, str], ...]
# The samples of one series: by what their names have after the family's, then by upper bound, "" where there is none.
Series = dict[str, dict[str, float]]

# UCUM's codes for the units that names end with.
_UNITS = {"seconds": "s", "bytes": "By", "ratio": "1"}


def metrics_request(
    families: Iterable[Family], resource: Mapping[str, str], *, started: int, now: int
) -> ExportMetricsServiceRequest:
    """All of `families`; started: of series that do not say when they began; both unix nanoseconds.

    Counters, gauges and histograms are what there is here; other families are left out.
    """
    metrics = [metric for family in families if (metric := _metric(family, started, now))]
    scope = ScopeMetrics(scope=InstrumentationScope(name=SCOPE), metrics=metrics)
    described = Resource(attributes=_attributes(tuple(resource.items())))
    return ExportMetricsServiceRequest(
        resource_metrics=[ResourceMetrics(resource=described, scope_metrics=[scope] if metrics else [])]
    )


def _metric(family: Family, started: int, now: int) -> Metric | None:
    metric = Metric(name=family.name, description=family.documentation, unit=_unit(family))
    match family.type:
        case "counter":
            metric.name += "_total"
            points = _numbers(family, "_total", started, now)
            metric.sum.CopyFrom(
                Sum(data_points=points, aggregation_temporality=AGGREGATION_TEMPORALITY_CUMULATIVE, is_monotonic=True)
            )
        case "gauge":
            metric.gauge.CopyFrom(Gauge(data_points=_numbers(family, "", 0, now)))
        case "histogram":
            distributions = [_distribution(*series, started, now) for series in _series(family)]
            metric.histogram.CopyFrom(
                Histogram(data_points=distributions, aggregation_temporality=AGGREGATION_TEMPORALITY_CUMULATIVE)
            )
        case _:
            return None
    return metric


def _numbers(family: Family, suffix: str, started: int, now: int) -> Iterator[NumberDataPoint]:
    for labels, series in _series(family):
        yield NumberDataPoint(
            attributes=_attributes(labels),
            start_time_unix_nano=_start(series, started),
            time_unix_nano=now,
            as_double=series[suffix][""],
        )


def _distribution(labels: Labels, series: Series, started: int, now: int) -> HistogramDataPoint:
    cumulative = sorted((float(bound), int(count)) for bound, count in series["_bucket"].items())
    below = [0, *(count for _, count in cumulative)]
    return HistogramDataPoint(
        attributes=_attributes(labels),
        start_time_unix_nano=_start(series, started),
        time_unix_nano=now,
        count=below[-1],
        sum=series["_sum"][""] if "_sum" in series else None,  # a histogram of negative values has none
        explicit_bounds=[bound for bound, _ in cumulative if not math.isinf(bound)],
        bucket_counts=[after - before for before, after in pairwise(below)],
    )


def _series(family: Family) -> Iterator[tuple[Labels, Series]]:
    found: dict[Labels, Series] = {}
    for sample in family.samples:
        labels = tuple((name, value) for name, value in sample.labels.items() if name != "le")
        suffix = sample.name.removeprefix(family.name)
        found.setdefault(labels, {}).setdefault(suffix, {})[sample.labels.get("le", "")] = sample.value
    yield from found.items()


def _start(series: Series, started: int) -> int:
    return round(series["_created"][""] * 1e9) if "_created" in series else started


def _unit(family: Family) -> str:
    return _UNITS.get(family.unit or family.name.rpartition("_")[2], "")


def _attributes(labels: Labels) -> list[KeyValue]:
    return [KeyValue(key=name, value=AnyValue(string_value=value)) for name, value in labels]
