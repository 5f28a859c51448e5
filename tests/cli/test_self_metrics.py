"""Spanhouse sends its own metrics as OTLP, at a constant rate, and does without where nobody takes them."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from prometheus_client import CollectorRegistry, Counter
from spanhouse_cli.self_metrics import SelfMetrics

from tests.cli.running import serving
from tests.demo.otlp_sink import OtlpSink, otlp_sink
from tests.support.polling import eventually
from tests.support.ports import idle_port
from tests.support.spans import request, span

PROTOBUF = {"Content-Type": "application/x-protobuf"}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def sinks() -> Iterator[OtlpSink]:
    with otlp_sink() as sink:
        yield sink


@pytest.fixture
def sink(sinks: OtlpSink) -> OtlpSink:
    """An endpoint that has nothing yet and takes everything."""
    sinks.metrics_status = 200
    sinks.metrics.clear()
    return sinks


@asynccontextmanager
async def sending(registry: CollectorRegistry, endpoint: str, interval: float = 0.05) -> AsyncIterator[None]:
    exporting = SelfMetrics.start(registry, endpoint, interval, service="spanhouse", version="1")
    assert exporting is not None
    try:
        yield
    finally:
        await exporting.stop()


def value_of(message: ExportMetricsServiceRequest, name: str) -> float:
    (resource,) = message.resource_metrics
    (scope,) = resource.scope_metrics
    (metric,) = [metric for metric in scope.metrics if metric.name == name]
    return sum(point.as_double for point in (*metric.sum.data_points, *metric.gauge.data_points))


def counting(value: float) -> CollectorRegistry:
    registry = CollectorRegistry()
    Counter("asked", "Asked.", registry=registry).inc(value)
    return registry


def test_a_running_spanhouse_sends_what_it_shows(tmp_path: Path, sink: OtlpSink) -> None:
    body = request({"web": [span(), span()]}).SerializeToString()
    own = f"--self-metrics-endpoint={sink.http_url}"
    with serving("up", tmp_path / "data", own, "--self-metrics-interval=1s") as running:
        running.post("/v1/traces", body, PROTOBUF)
        eventually(lambda: sink.metrics and value_of(sink.metrics[-1], "spanhouse_spans_stored_total") == 2)
        assert running.stop() == 0

    (resource,) = sink.metrics[-1].resource_metrics
    attributes = {one.key: one.value.string_value for one in resource.resource.attributes}
    assert attributes["service.name"] == "spanhouse"
    assert set(attributes) == {"service.name", "service.version", "service.instance.id"}
    assert value_of(sink.metrics[-1], "process_resident_memory_bytes") > 1 << 20
    assert value_of(sink.metrics[-1], "spanhouse_build_info") == 1


@pytest.mark.anyio
async def test_the_last_state_is_sent_at_the_end(sink: OtlpSink) -> None:
    async with sending(counting(5), sink.http_url, interval=3600):
        assert sink.metrics == []

    assert [value_of(message, "asked_total") for message in sink.metrics] == [5]


@pytest.mark.anyio
async def test_headers_and_form_are_those_of_otlp(sink: OtlpSink, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20key")
    async with sending(counting(1), sink.http_url):
        eventually(lambda: sink.metrics)

    sent = {name.lower(): value for name, value in sink.metrics_headers.items()}
    assert sent["authorization"] == "Bearer key"
    assert (sent["content-encoding"], sent["content-type"]) == ("gzip", "application/x-protobuf")


@pytest.mark.anyio
@pytest.mark.parametrize("status", [302, 404, 503])
async def test_an_endpoint_that_does_not_take_them_is_told_once_and_tried_again(
    sink: OtlpSink, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    caplog.set_level(logging.INFO, logger="spanhouse")
    sink.metrics_status = status
    async with sending(counting(1), sink.http_url):
        eventually(lambda: "not taken" in caplog.text)
        sink.metrics_status = 200
        eventually(lambda: "again" in caplog.text)

    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert str(status) in caplog.text


@pytest.mark.anyio
async def test_nobody_at_the_endpoint_is_no_trouble(caplog: pytest.LogCaptureFixture) -> None:
    endpoint = f"http://127.0.0.1:{idle_port()}"
    async with sending(counting(1), endpoint):
        eventually(lambda: "Connection refused" in caplog.text)

    assert f"not taken by {endpoint}/v1/metrics" in caplog.text
    assert len(caplog.records) == 1


@pytest.mark.anyio
async def test_a_variable_that_cannot_be_used_is_told_and_keeps_nothing_from_starting(
    sink: OtlpSink, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", "/nowhere.pem")

    assert SelfMetrics.start(counting(1), sink.http_url, 1, service="spanhouse", version="1") is None
    assert "are not sent" in caplog.text
