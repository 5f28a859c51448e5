"""What OpenTelemetry's own SDK sends, cumulative and delta, is counted as it was recorded."""

from __future__ import annotations

import math
import time
from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.sdk.metrics import Counter, Histogram, MeterProvider, UpDownCounter
from opentelemetry.sdk.metrics.export import AggregationTemporality, InMemoryMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource

from tests.query.metric_queries.feeding import feed_requests, numbers
from tests.query.service import Service
from tests.support.spans import MILLISECOND, SECOND

RECORDED = [[0.003, 0.2, 7.0], [0.02, 0.02, 30.0, 12_000.0], [1.0]]
"""What was recorded before each of three collections."""
EVERYTHING = sorted(value for batch in RECORDED for value in batch)


def pass_a_millisecond() -> None:
    """Points are stored with milliseconds, and are neither begun nor followed by others within one."""
    now = time.time_ns()
    while time.time_ns() < now + 2 * MILLISECOND:
        pass


def send(service: Service, tenant: str, temporality: AggregationTemporality) -> None:
    """Three collections of a counter, an up-down counter, a gauge and a histogram of each kind."""
    reader = InMemoryMetricReader(dict.fromkeys((Counter, Histogram, UpDownCounter), temporality))
    provider = MeterProvider(
        metric_readers=[reader],
        resource=Resource({"service.name": "web"}),
        views=[View(instrument_name="exponential", aggregation=ExponentialBucketHistogramAggregation())],
    )
    meter = provider.get_meter("meter")
    counter, level = meter.create_counter("counter"), meter.create_up_down_counter("level")
    gauge = meter.create_gauge("gauge")
    histograms = [meter.create_histogram(name, unit="ms") for name in ("explicit", "exponential")]
    for batch in RECORDED:
        for value in batch:
            counter.add(2, {"path": "/"})
            level.add(1 if value < 1 else -1)
            gauge.set(value)
            for histogram in histograms:
                histogram.record(value)
        pass_a_millisecond()
        data = reader.get_metrics_data()
        assert data is not None
        feed_requests(service, tenant, [encode_metrics(data)])
    provider.shutdown()


@pytest.mark.parametrize("temporality", [AggregationTemporality.CUMULATIVE, AggregationTemporality.DELTA])
def test_is_counted_as_it_was_recorded(service: Service, tenant: str, temporality: AggregationTemporality) -> None:
    began = time.time_ns() - SECOND
    send(service, tenant, temporality)
    window = {"from": began, "to": time.time_ns() + SECOND}

    def found(metric: str, aggregation: str) -> Any:
        asked = {**window, "metric": metric, "aggregation": aggregation}
        return numbers(service.get("/api/v1/metrics/query", asked, tenant=tenant))[()]

    assert found("counter", "increase") == 2 * len(EVERYTHING)
    assert found("level", "increase") == sum(1 if value < 1 else -1 for value in EVERYTHING)
    assert found("gauge", "last") == RECORDED[-1][-1]
    for name in ("explicit", "exponential"):
        assert found(name, "count") == len(EVERYTHING)
        assert found(name, "sum") == pytest.approx(sum(EVERYTHING))
        assert found(name, "avg") == pytest.approx(sum(EVERYTHING) / len(EVERYTHING))
    for percentile in (10, 50, 90):
        actual = EVERYTHING[math.ceil(percentile / 100 * len(EVERYTHING)) - 1]
        assert found("exponential", f"p{percentile}") == pytest.approx(actual, rel=0.1)
        asked = {**window, "metric": "explicit", "aggregation": f"p{percentile}"}
        (group,) = service.get("/api/v1/metrics/query", asked, tenant=tenant)["groups"]
        assert (group["low"] or -math.inf) <= actual <= (group["high"] or math.inf)
