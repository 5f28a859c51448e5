"""Metrics: which points can be stored, and where they lie in a request.

The rules are those that the views in storage's schema apply (0003_metrics.sql). C loops over a slice of the points find
out whether all are good; Python looks at single points only where some are not, to count and to say which.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from operator import attrgetter, lt, methodcaller
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from spanhouse_storage import engine

from spanhouse_collector.signals.signal import Checked, JsonObject, OtlpSignal, json_list

BELIEVED_BEFORE = 30 * 86_400 * 10**9
BELIEVED_AFTER = 3_600 * 10**9

_NOT_RECORDED = 1  # DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK
_SLICE = 4096
_JSON_TYPES = ("gauge", "sum", "histogram", "exponentialHistogram", "summary")

_TIME = attrgetter("time_unix_nano")
_COUNT = attrgetter("count")
_BUCKETS = attrgetter("bucket_counts")
_BOUNDS = attrgetter("explicit_bounds")
_IS_DOUBLE = methodcaller("HasField", "as_double")

NO_NAME = "of a metric without a name"
OFF_TIME = "with a time that is not between 30 days before and one hour after their arrival"
NO_VALUE = "without a value and without the flag that says so"
BAD_BOUNDS = "with bounds that are not numbers in rising order, or not one less than bucket counts"
BAD_COUNT = "whose bucket counts do not add up to their count"


def check_points(request: ExportMetricsServiceRequest, received_at: int) -> Checked:
    """Points that cannot be stored are told by what is wrong with them and by the first metric that has it."""
    points = 0
    reasons: Counter[str] = Counter()
    examples: dict[str, str] = {}
    for resource_metrics in request.resource_metrics:
        for scope_metrics in resource_metrics.scope_metrics:
            for metric in scope_metrics.metrics:
                kind, some = _points_of(metric)
                points += len(some)
                for reason, number in _rejected(metric, kind, some, received_at).items():
                    reasons[reason] += number
                    examples.setdefault(reason, metric.name)
    if not reasons:
        return Checked(points)
    told = "; ".join(f"{number} {reason} (metric {examples[reason]!r:.100})" for reason, number in reasons.items())
    return Checked(points, reasons.total(), f"points rejected: {reasons.total()} of {points}: {told}")


def _points_of(metric: Metric) -> tuple[str, Sequence[Any]]:
    kind = metric.WhichOneof("data")
    return (kind, getattr(metric, kind).data_points) if kind else ("", ())


def _rejected(metric: Metric, kind: str, points: Sequence[Any], received_at: int) -> Counter[str]:
    if not metric.name:
        return Counter({NO_NAME: len(points)} if points else {})
    rejected: Counter[str] = Counter()
    are_good, reason_of = _RULES.get(kind, _NO_RULE)
    for start in range(0, len(points), _SLICE):
        some = points[start : start + _SLICE]
        if not _times_are_good(some, received_at) or not are_good(some):
            reasons = (_time_reason(point, received_at) or reason_of(point) for point in some)
            rejected.update(reason for reason in reasons if reason)
    return rejected


def _times_are_good(points: Sequence[Any], received_at: int) -> bool:
    times: set[int] = set(map(_TIME, points))
    return received_at - BELIEVED_BEFORE <= min(times) and max(times) <= received_at + BELIEVED_AFTER


def _time_reason(point: Any, received_at: int) -> str | None:
    is_believed = received_at - BELIEVED_BEFORE <= point.time_unix_nano <= received_at + BELIEVED_AFTER
    return None if is_believed else OFF_TIME


def _numbers_are_good(points: Sequence[Any]) -> bool:
    return all(map(_IS_DOUBLE, points)) or all(point.WhichOneof("value") for point in points)


def _number_reason(point: Any) -> str | None:
    return None if point.WhichOneof("value") or point.flags & _NOT_RECORDED else NO_VALUE


def _histograms_are_good(points: Sequence[Any]) -> bool:
    buckets = list(map(_BUCKETS, points))
    bounds = list(map(_BOUNDS, points))
    return (
        list(map(sum, buckets)) == list(map(_COUNT, points))
        and {len(counts) - len(limits) for counts, limits in zip(buckets, bounds, strict=True)} == {1}
        and all(map(_rise, set(map(tuple, bounds))))
    )


def _histogram_reason(point: Any) -> str | None:
    """A histogram may have neither bounds nor buckets: then its count and sum are all it says."""
    if point.flags & _NOT_RECORDED or not (point.bucket_counts or point.explicit_bounds):
        return None
    if len(point.bucket_counts) != len(point.explicit_bounds) + 1 or not _rise(point.explicit_bounds):
        return BAD_BOUNDS
    return None if sum(point.bucket_counts) == point.count else BAD_COUNT


def _rise(bounds: Sequence[float]) -> bool:
    return all(lt(*pair) for pair in pairwise(bounds)) and not any(map(math.isnan, bounds))


def _exponentials_are_good(points: Sequence[Any]) -> bool:
    return not any(map(_exponential_reason, points))


def _exponential_reason(point: Any) -> str | None:
    total = point.zero_count + sum(point.positive.bucket_counts) + sum(point.negative.bucket_counts)
    return None if total == point.count or point.flags & _NOT_RECORDED else BAD_COUNT


Rule = tuple[Callable[[Sequence[Any]], bool], Callable[[Any], str | None]]
_NO_RULE: Rule = (lambda _: True, lambda _: None)
_RULES: dict[str, Rule] = {
    "gauge": (_numbers_are_good, _number_reason),
    "sum": (_numbers_are_good, _number_reason),
    "histogram": (_histograms_are_good, _histogram_reason),
    "exponential_histogram": (_exponentials_are_good, _exponential_reason),
}


def _json_points(document: JsonObject) -> Iterator[tuple[str, JsonObject]]:
    for r, resource_metrics in enumerate(json_list(document, "resourceMetrics")):
        for s, scope_metrics in enumerate(json_list(resource_metrics, "scopeMetrics")):
            for m, metric in enumerate(json_list(scope_metrics, "metrics")):
                for kind in filter(metric.get, _JSON_TYPES):
                    for i, point in enumerate(json_list(metric[kind], "dataPoints")):
                        yield f"resourceMetrics[{r}].scopeMetrics[{s}].metrics[{m}].{kind}.dataPoints[{i}]", point


METRICS = OtlpSignal(
    name="metrics",
    items="points",
    stored_as=engine.METRICS,
    request=ExportMetricsServiceRequest,
    response=ExportMetricsServiceResponse,
    rejected="rejected_data_points",
    service="opentelemetry.proto.collector.metrics.v1.MetricsService",
    outline=(
        frozenset({0x0A}),
        frozenset({0x12}),
        frozenset({0x12}),
        frozenset({0x2A, 0x3A, 0x4A, 0x52, 0x5A}),
        frozenset({0x0A}),
    ),
    check=check_points,
    json_items=_json_points,
    ids_in="exemplars",
    is_idempotent=True,
)
