"""Prometheus's metrics keep every series and value as OTLP."""

from __future__ import annotations

from itertools import accumulate

from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import AGGREGATION_TEMPORALITY_CUMULATIVE, Metric
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info
from prometheus_client.utils import floatToGoString
from spanhouse_cli.otlp_metrics import metrics_request

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]

STARTED, NOW = 1_700_000_000_000_000_000, 1_700_000_060_000_000_000

numbers = st.floats(-1e300, 1e300, allow_nan=False)
labels = st.text(max_size=5)
counters = st.dictionaries(labels, st.floats(0, 1e300), max_size=4)
gauges = st.dictionaries(labels, numbers | st.just(float("inf")), max_size=4)
observed = st.dictionaries(labels, st.lists(st.floats(-1e9, 1e9), max_size=8), max_size=3)
bounds = st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=6, unique=True).map(sorted)


def sent(registry: CollectorRegistry) -> ExportMetricsServiceRequest:
    """What goes over the wire."""
    request = metrics_request(registry.collect(), {"service.name": "spanhouse"}, started=STARTED, now=NOW)
    return ExportMetricsServiceRequest.FromString(request.SerializeToString())


def metrics_of(request: ExportMetricsServiceRequest) -> list[Metric]:
    (resource,) = request.resource_metrics
    return [metric for scope in resource.scope_metrics for metric in scope.metrics]


def exposed(registry: CollectorRegistry) -> Samples:
    """What a scrape shows, without the times of creation."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in registry.collect()
        for sample in family.samples
        if not sample.name.endswith("_created")
    }


def scraped_from(request: ExportMetricsServiceRequest) -> Samples:
    """What a scrape of these metrics would show, read by the definitions of OTLP."""
    samples: Samples = {}
    for metric in metrics_of(request):
        for point in (*metric.sum.data_points, *metric.gauge.data_points):
            samples[metric.name, tuple(sorted((one.key, one.value.string_value) for one in point.attributes))] = (
                point.as_double
            )
        for spread in metric.histogram.data_points:
            given_labels = [(one.key, one.value.string_value) for one in spread.attributes]
            up_to = [*map(floatToGoString, spread.explicit_bounds), "+Inf"]
            for bound, count in zip(up_to, accumulate(spread.bucket_counts), strict=True):
                samples[f"{metric.name}_bucket", tuple(sorted([*given_labels, ("le", bound)]))] = count
            samples[f"{metric.name}_count", tuple(sorted(given_labels))] = spread.count
            if spread.HasField("sum"):
                samples[f"{metric.name}_sum", tuple(sorted(given_labels))] = spread.sum
    return samples


@given(counters, gauges, observed, bounds)
def test_a_round_trip_keeps_every_series(
    counts: dict[str, float], levels: dict[str, float], values: dict[str, list[float]], buckets: list[float]
) -> None:
    registry = CollectorRegistry()
    counter = Counter("asked", "Asked.", ["who"], registry=registry)
    gauge = Gauge("level_bytes", "Level.", ["where"], registry=registry)
    histogram = Histogram("took_seconds", "Took.", ["what"], registry=registry, buckets=buckets)
    for label, count in counts.items():
        counter.labels(label).inc(count)
    for label, level in levels.items():
        gauge.labels(label).set(level)
    for label, spread in values.items():
        for value in spread:
            histogram.labels(label).observe(value)

    assert scraped_from(sent(registry)) == exposed(registry)


def test_a_counter_is_a_cumulative_monotonic_sum_since_it_began() -> None:
    registry = CollectorRegistry()
    Counter("sent_bytes", "Sent.", registry=registry).inc(3)
    created = next(
        sample.value for family in registry.collect() for sample in family.samples if sample.name.endswith("_created")
    )

    (metric,) = metrics_of(sent(registry))

    (point,) = metric.sum.data_points
    assert (metric.name, metric.unit, metric.description) == ("sent_bytes_total", "By", "Sent.")
    assert (metric.sum.aggregation_temporality, metric.sum.is_monotonic) == (AGGREGATION_TEMPORALITY_CUMULATIVE, True)
    assert (point.start_time_unix_nano, point.time_unix_nano) == (round(created * 1e9), NOW)


def test_a_histogram_has_its_bounds_and_the_counts_between_them() -> None:
    registry = CollectorRegistry()
    histogram = Histogram("took_seconds", "Took.", registry=registry, buckets=(0.1, 1))
    for value in (0.05, 0.1, 0.5, 7):
        histogram.observe(value)

    (metric,) = metrics_of(sent(registry))

    (point,) = metric.histogram.data_points
    assert (metric.unit, list(point.explicit_bounds), list(point.bucket_counts)) == ("s", [0.1, 1], [2, 1, 1])
    assert metric.histogram.aggregation_temporality == AGGREGATION_TEMPORALITY_CUMULATIVE


def test_the_sender_is_named_and_what_has_no_form_in_otlp_is_left_out() -> None:
    registry = CollectorRegistry()
    Info("build", "Build.", registry=registry).info({"version": "1"})

    request = sent(registry)

    (resource,) = request.resource_metrics
    assert {one.key: one.value.string_value for one in resource.resource.attributes} == {"service.name": "spanhouse"}
    assert metrics_of(request) == []
