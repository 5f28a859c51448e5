"""The data set as OpenTelemetry's SDKs send it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import HistogramDataPoint
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric as Message

from tests.promql_conformance.dataset import BOUNDS, Buckets, Metric, Sample
from tests.promql_conformance.reference.vectors import Labels, without
from tests.support.metrics import NOT_RECORDED, counter, gauge, histogram, metrics_request, number
from tests.support.spans import MILLISECOND, key_values

# Some say when a counter started, others leave it open; no answer is another for that.
_SAY_STARTS = ("web", "rare")

Sender = tuple[str, str]  # service.name, which is the label job, and service.instance.id, which is instance


def requests(metrics: Iterable[Metric]) -> list[ExportMetricsServiceRequest]:
    """One for each job and instance."""
    sent: dict[Sender, list[Message]] = {}
    for metric in metrics:
        for labels, samples in metric.series:
            sent.setdefault(_sender(labels), []).append(_numbers(metric, labels, samples))
        for labels, points in metric.histograms:
            message = histogram(metric.sent_as, *_buckets(labels, points), unit=metric.unit)
            sent.setdefault(_sender(labels), []).append(message)
    return [
        metrics_request({job: messages}, scope="", resource={"service.instance.id": instance} if instance else None)
        for (job, instance), messages in sent.items()
    ]


def _sender(labels: Labels) -> Sender:
    return labels["job"], labels.get("instance", "")


def _attributes(labels: Labels) -> Mapping[str, str]:
    return without(labels, "job", "instance")


def _numbers(metric: Metric, labels: Labels, samples: Sequence[Sample]) -> Message:
    counts = metric.type == "counter"
    starts = _starts(samples) if counts and labels["job"] in _SAY_STARTS else [0] * len(samples)
    points = [
        number(
            int(value) if counts and value is not None and value.is_integer() else value,
            _attributes(labels),
            at=at * MILLISECOND,
            started=started * MILLISECOND,
        )
        for (at, value), started in zip(samples, starts, strict=True)
    ]
    return (counter if counts else gauge)(metric.sent_as, *points, unit=metric.unit)


def _starts(samples: Sequence[Sample]) -> list[int]:
    """A second before the first sample, and before each that is less than the one before it."""
    starts: list[int] = []
    before = math.inf
    for at, value in samples:
        falls = value is not None and value < before
        starts.append(at - 1000 if falls else starts[-1])
        before = before if value is None else value
    return starts


def _buckets(labels: Labels, points: Sequence[Buckets]) -> list[HistogramDataPoint]:
    found = []
    for point in points:
        message = HistogramDataPoint(time_unix_nano=point.at * MILLISECOND, attributes=key_values(_attributes(labels)))
        if point.counts is None:
            message.flags = NOT_RECORDED
        else:
            message.count, message.sum = sum(point.counts), point.total
            message.bucket_counts.extend(point.counts)
            message.explicit_bounds.extend(BOUNDS)
        found.append(message)
    return found
