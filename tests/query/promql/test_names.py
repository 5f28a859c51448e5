"""What PromQL calls metrics and attributes."""

from __future__ import annotations

import pytest
from spanhouse_query.series import Metric, MetricType
from spanhouse_query.series.names import label_name, prometheus_name


@pytest.mark.parametrize(
    ("name", "type_", "unit", "expected"),
    [
        ("http.server.request.duration", "histogram", "s", "http_server_request_duration_seconds"),
        ("http.server.active_requests", "gauge", "{request}", "http_server_active_requests"),
        ("system.memory.utilization", "gauge", "1", "system_memory_utilization_ratio"),
        ("memory.ratio", "gauge", "1", "memory_ratio"),
        ("disk.bytes", "gauge", "By", "disk_bytes"),
        ("network.io", "gauge", "By/s", "network_io_bytes_per_second"),
        ("speed", "gauge", "m/s", "speed_meters_per_second"),
        ("queue..size__now", "gauge", "", "queue_size_now"),
        ("2xx", "gauge", "", "_2xx"),
        ("app:requests", "gauge", "", "app:requests"),
        ("odd", "gauge", "widget", "odd_widget"),
    ],
)
def test_a_metric_is_called_with_its_unit(name: str, type_: MetricType, unit: str, expected: str) -> None:
    assert prometheus_name(Metric(name, type_, unit)) == expected


@pytest.mark.parametrize(
    ("name", "unit", "expected"),
    [("requests", "1", "requests_total"), ("io.total.time", "s", "io_time_seconds_total")],
)
def test_what_counts_up_is_a_total(name: str, unit: str, expected: str) -> None:
    assert prometheus_name(Metric(name, "sum", unit, "cumulative", monotonic=True)) == expected


def test_a_sum_that_can_fall_is_not_a_total() -> None:
    assert prometheus_name(Metric("connections", "sum", "1", "cumulative")) == "connections"


@pytest.mark.parametrize(
    ("attribute", "expected"),
    [("http.route", "http_route"), ("a-b c", "a_b_c"), ("1st", "key_1st"), ("_own", "key_own"), ("__x", "__x")],
)
def test_an_attribute_is_a_label(attribute: str, expected: str) -> None:
    assert label_name(attribute) == expected
