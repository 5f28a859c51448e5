"""OTLP metric requests for tests, built by hand from opentelemetry-proto."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AggregationTemporality,
    Exemplar,
    ExponentialHistogram,
    ExponentialHistogramDataPoint,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
    Summary,
    SummaryDataPoint,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from spanhouse_collector.frame import digest_of, frame_header

from tests.support.spans import Value, key_values

DELTA = AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA
CUMULATIVE = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
NOT_RECORDED = 1  # DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK


def number(
    value: float | None,
    attributes: Mapping[str, Value] | None = None,
    *,
    at: int | None = None,
    started: int = 0,
    exemplars: Sequence[Exemplar] = (),
) -> NumberDataPoint:
    """A point of a gauge or a sum; None where nothing was recorded. Instants: unix nanoseconds, `at` now by default."""
    point = NumberDataPoint(
        time_unix_nano=time.time_ns() if at is None else at,
        start_time_unix_nano=started,
        attributes=key_values(attributes or {}),
        exemplars=exemplars,
    )
    if value is None:
        point.flags = NOT_RECORDED
    elif isinstance(value, int):
        point.as_int = value
    else:
        point.as_double = value
    return point


def gauge(name: str, *points: NumberDataPoint, unit: str = "1", description: str = "") -> Metric:
    return Metric(name=name, unit=unit, description=description, gauge=Gauge(data_points=points))


def counter(
    name: str,
    *points: NumberDataPoint,
    unit: str = "1",
    monotonic: bool = True,
    temporality: AggregationTemporality.ValueType = CUMULATIVE,
) -> Metric:
    """A sum, monotonic or not."""
    data = Sum(data_points=points, aggregation_temporality=temporality, is_monotonic=monotonic)
    return Metric(name=name, unit=unit, sum=data)


def histogram(name: str, *points: HistogramDataPoint, unit: str = "s") -> Metric:
    return Metric(name=name, unit=unit, histogram=Histogram(data_points=points, aggregation_temporality=CUMULATIVE))


def exponential_histogram(name: str, *points: ExponentialHistogramDataPoint, unit: str = "s") -> Metric:
    data = ExponentialHistogram(data_points=points, aggregation_temporality=DELTA)
    return Metric(name=name, unit=unit, exponential_histogram=data)


def summary(name: str, *points: SummaryDataPoint, unit: str = "s") -> Metric:
    return Metric(name=name, unit=unit, summary=Summary(data_points=points))


def metrics_request(
    metrics: Mapping[str, Sequence[Metric]], *, scope: str = "meter", resource: Mapping[str, Value] | None = None
) -> ExportMetricsServiceRequest:
    """A request with the metrics of each service, all with the further attributes of `resource`."""
    return ExportMetricsServiceRequest(
        resource_metrics=[
            ResourceMetrics(
                resource=Resource(attributes=key_values({"service.name": service, **(resource or {})})),
                scope_metrics=[ScopeMetrics(scope=InstrumentationScope(name=scope), metrics=batch)],
            )
            for service, batch in metrics.items()
        ]
    )


def metrics_segment(requests: Iterable[ExportMetricsServiceRequest], *, tenant: str = "default") -> bytes:
    """The bytes of a segment with one frame for each request."""
    bodies = [one.SerializeToString() for one in requests]
    return b"".join(frame_header(tenant, time.time_ns(), body, digest=digest_of(body)) + body for body in bodies)
