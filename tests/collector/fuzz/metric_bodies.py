"""Requests of metrics that no exporter sends, as `bodies` makes them of traces."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AggregationTemporality,
    Exemplar,
    ExponentialHistogramDataPoint,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    SummaryDataPoint,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from spanhouse_collector.signals import METRICS
from spanhouse_collector.transports.otlp_json import request_to_json

from tests.collector.fuzz.bodies import damaged, delimited, json_of, nested, of, trees

_AT = 1_700_000_000_000_000_000


def _rich(levels: int) -> ExportMetricsServiceRequest:
    """A request with all types of points, and everything in them that OTLP has."""
    attributes = [KeyValue(key="deep", value=nested(levels)), KeyValue(key="n", value=AnyValue(int_value=-1))]
    exemplar = Exemplar(
        time_unix_nano=_AT, as_int=-1, trace_id=b"t" * 16, span_id=b"s" * 8, filtered_attributes=attributes
    )
    common: Any = {"attributes": attributes, "time_unix_nano": _AT, "start_time_unix_nano": _AT - 10**9, "flags": 1}
    number = NumberDataPoint(as_double=float("nan"), exemplars=[exemplar], **common)
    metrics = [Metric(name=name, unit="s", description="What it is.") for name in "abcde"]
    metrics[0].gauge.data_points.append(number)
    metrics[1].sum.data_points.append(number)
    metrics[1].sum.aggregation_temporality = AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA
    metrics[2].histogram.data_points.append(
        HistogramDataPoint(count=2, sum=1, min=0, max=1, bucket_counts=[1, 1], explicit_bounds=[1], **common)
    )
    exponential = ExponentialHistogramDataPoint(count=3, scale=-2, zero_count=1, zero_threshold=0.1, **common)
    exponential.positive.bucket_counts.append(1)
    exponential.negative.bucket_counts.append(1)
    exponential.negative.offset = -5
    metrics[3].exponential_histogram.data_points.append(exponential)
    summary = SummaryDataPoint(count=1, sum=0.5, **common)
    summary.quantile_values.add(quantile=0.5, value=0.5)
    metrics[4].summary.data_points.append(summary)
    scope = ScopeMetrics(scope=InstrumentationScope(name="meter", attributes=attributes), metrics=metrics)
    resource = Resource(attributes=[KeyValue(key="service.name", value=AnyValue(string_value="web")), *attributes])
    return ExportMetricsServiceRequest(resource_metrics=[ResourceMetrics(resource=resource, scope_metrics=[scope])])


SEEDS = [_rich(levels) for levels in (0, 3, 20)]
PROTOBUF_SEEDS = [seed.SerializeToString() for seed in SEEDS]

# A point that can be read, and whatever else stands at each level around it and in it.
_some = st.lists(trees, max_size=2).map(b"".join)
_wire = st.tuples(_some, _some, _some, _some, st.sampled_from([5, 7, 9, 10, 11])).map(
    lambda at: delimited(
        1,
        at[0] + delimited(2, delimited(2, delimited(1, b"m") + at[1] + delimited(at[4], at[2] + delimited(1, at[3])))),
    )
)
protobuf = st.one_of(damaged(of(PROTOBUF_SEEDS)), _wire, damaged(_wire))
json_bodies = json_of([request_to_json(METRICS, seed) for seed in SEEDS], "resourceMetrics")
