"""What operators look at: probes, metrics, status, the page, compression and the service's own spans."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import CollectorRegistry, Counter
from prometheus_client.parser import text_string_to_metric_families
from spanhouse_query import QueryConfig, create_app
from spanhouse_storage import Store, known_migrations
from starlette.testclient import TestClient

from tests.query.service import Service
from tests.support.spans import CLIENT, CONSUMER, PRODUCER, SECOND, SERVER, Value, request, span

INGEST: dict[str, Any] = {"traces": {"accepted_spans": 3}}


@pytest.fixture
def operated(store: Store, tmp_path: Path) -> Iterator[Service]:
    """The service on each engine in turn, in one process with a receiver."""
    registry = CollectorRegistry()
    Counter("spanhouse_ingest_spans_total", "Of the receiver.", registry=registry).inc(3)
    settings = QueryConfig(otlp_http="http://127.0.0.1:14318", otlp_grpc="127.0.0.1:14317")
    app = create_app(store, registry=registry, ingest=lambda: INGEST, settings=settings)
    with TestClient(app) as client:
        yield Service(store, client, tmp_path)


def sample() -> dict[str, list[Any]]:
    """A call from web to cart, a minute ago."""
    start = time.time_ns() - 60 * SECOND
    server = span("GET <b>", kind=SERVER, start=start, duration=SECOND)
    client = span("call", parent=server, kind=CLIENT, start=start, duration=SECOND // 2)
    callee = span("GET", parent=client, kind=SERVER, start=start, duration=SECOND // 4, error=True)
    return {"web": [server, client], "cart & co": [callee]}


def test_answers_everything_on_each_engine(operated: Service) -> None:
    spans = sample()
    operated.feed([request(spans)], tenant="default")
    trace_id = spans["web"][0].trace_id.hex()

    services = operated.get("/api/v1/services")["services"]
    entry, edge = operated.get("/api/v1/service-map")["edges"]
    (grouped,) = operated.get("/api/v1/service-map", {"group_by": "service.name", "min_calls": 1})["edges"][1:]
    (overall,) = operated.get("/api/v1/edges/web/cart%20%26%20co")["series"]
    (found,) = operated.get("/api/v1/traces", {"q": 'service =~ "&" and status = error'})["traces"]
    (series,) = operated.get("/api/v1/latency", {"q": "kind = client"})["series"]
    document = operated.get(f"/api/v1/traces/{trace_id}")
    protobuf = operated.response(f"/api/v1/traces/{trace_id}", accept="application/x-protobuf")

    assert [one["service"] for one in services] == ["web", "cart & co"]
    assert (entry["client"], entry["server"], entry["client_type"]) == ("user", "web", "user")
    assert (edge["client"], edge["server"], edge["calls"], edge["errors"]) == ("web", "cart & co", 1, 1)
    assert (grouped["calls"], grouped["client_ns"]) == (1, edge["client_ns"])
    assert (overall["calls"], overall["client_ns"]) == (1, edge["client_ns"])
    assert (found["trace_id"], found["spans"]) == (trace_id, 3)
    assert (series["n"], len(document["resourceSpans"])) == (1, 2)
    assert b"cart & co" in protobuf.content
    assert operated.get("/readyz") == {"status": "ok"}


def test_reports_what_came_in_and_what_is_stored(operated: Service) -> None:
    empty = operated.get("/api/v1/status")
    spans = sample()
    operated.feed([request(spans)], tenant="default")

    full = operated.get("/api/v1/status")

    assert (empty["store"]["spans"], empty["store"]["newest_span"]) == (0, None)
    assert (full["store"]["spans"], full["store"]["traces"]) == (3, 1)
    assert full["store"]["schema_version"] == known_migrations()[-1].version
    assert full["store"]["newest_span"] == str(spans["web"][0].start_time_unix_nano)
    assert full["store"]["bytes_on_disk"] > 0
    assert full["ingest"] == INGEST


def test_is_not_ready_without_the_schema(empty_store: Store) -> None:
    with TestClient(create_app(empty_store, registry=CollectorRegistry())) as client:
        response = client.get("/readyz")

        assert (response.status_code, response.json()["type"]) == (503, "schema")
        assert "spanhouse migrate" in response.json()["detail"]
        assert client.get("/healthz").status_code == 200


def test_counts_its_requests_for_prometheus(operated: Service) -> None:
    operated.get("/api/v1/services")
    operated.response("/api/v1/services", {"x": "1"})
    operated.get("/api/v1/services/a/operations")

    families = text_string_to_metric_families(operated.response("/metrics").text)
    samples = {(one.name, *sorted(one.labels.items())): one.value for family in families for one in family.samples}

    counted = "spanhouse_query_requests_total"
    services = ("route", "/api/v1/services")
    assert samples[counted, services, ("status", "200")] == 1
    assert samples[counted, services, ("status", "400")] == 1
    assert samples[counted, ("route", "/api/v1/services/{service}/operations"), ("status", "200")] == 1
    assert samples["spanhouse_query_request_duration_seconds_count", services] == 2
    assert samples[("spanhouse_ingest_spans_total",)] == 3


def test_shows_services_calls_and_traces_on_its_page(operated: Service) -> None:
    spans = sample()
    operated.feed([request(spans)], tenant="default")

    page = operated.response("/")

    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "cart &amp; co" in page.text
    assert "GET &lt;b&gt;" in page.text
    assert f'href="/api/v1/traces/{spans["web"][0].trace_id.hex()}"' in page.text
    assert "<svg" in page.text
    assert "http://" not in page.text.replace("http://www.w3.org", "")


def test_draws_peers_by_their_type_and_the_time_in_queue(operated: Service) -> None:
    start = time.time_ns() - 60 * SECOND
    calls: list[dict[str, Value]] = [{"db.system.name": "redis"}, {"server.address": "<elsewhere>"}]
    peers = [span(kind=CLIENT, parent=b"\1" * 8, start=start, attributes=attributes) for attributes in calls]
    queue: dict[str, Value] = {"messaging.destination.name": "jobs"}
    send = span(kind=PRODUCER, start=start, duration=SECOND // 1000, attributes=queue)
    receive = span(kind=CONSUMER, parent=send, start=start + SECOND // 200, attributes=queue)
    operated.feed([request({"web": [*peers, send], "worker": [receive]})], tenant="default")

    page = operated.response("/").text

    for place in (
        'class="database"><title>redis',
        'class="external"><title>&lt;elsewhere&gt;',
        'class="messaging"><title>jobs',
    ):
        assert place in page
    assert "waits 4 ms" in page
    assert "redis <small>database</small>" in page


def test_says_how_to_send_data_while_there_is_none(operated: Service) -> None:
    page = operated.response("/").text

    assert "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:14318" in page
    assert "127.0.0.1:14317" in page


def test_compresses_what_is_worth_it(operated: Service) -> None:
    large = operated.client.get("/openapi.json", headers={"Accept-Encoding": "gzip"})
    small = operated.client.get("/healthz", headers={"Accept-Encoding": "gzip"})
    plain = operated.client.get("/openapi.json", headers={"Accept-Encoding": "identity"})

    assert large.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in small.headers
    assert "content-encoding" not in plain.headers
    assert large.json() == plain.json()


@pytest.fixture
def exporter(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    """What the service exports, with a provider of the test's own, because a process can set its only once."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    for module in ("observation", "reader"):
        monkeypatch.setattr(f"spanhouse_query.{module}.tracer", provider.get_tracer("spanhouse_query"))
    yield exporter
    provider.shutdown()


def test_traces_its_requests_into_the_callers_trace(operated: Service, exporter: InMemorySpanExporter) -> None:
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    operated.client.get("/api/v1/services?from=now-5m", headers={"traceparent": parent})
    operated.client.get("/healthz", headers={"traceparent": parent})

    spans = exporter.get_finished_spans()
    server = spans[-1]
    assert [one.name for one in spans] == ["SELECT", "SELECT", "GET /api/v1/services"]
    assert server.kind is trace.SpanKind.SERVER
    assert server.parent is not None
    assert f"{server.parent.span_id:016x}" == "b7ad6b7169203331"
    assert server.attributes is not None
    assert (server.attributes["http.route"], server.attributes["http.response.status_code"]) == (
        "/api/v1/services",
        200,
    )
    assert [one.parent.span_id for one in spans[:-1] if one.parent] == [server.context.span_id] * 2


NAMES = ["it's", 'a "b"', "back\\slash", "\\N", "tab\tnew\nline", "é😀", "{x:String}", "%s", "\x00nul\x00"]


def test_finds_a_service_of_any_name_on_each_engine(operated: Service) -> None:
    operated.feed([request({name: [span(kind=SERVER)] for name in NAMES})], tenant="default")

    for name in NAMES:
        assert operated.get("/api/v1/traces", {"service": name})["total"] == 1
        assert operated.get("/api/v1/traces", {"q": f"service in ({json.dumps(name)})"})["total"] == 1
        assert [series["n"] for series in operated.get("/api/v1/latency", {"service": name})["series"]] == [1]
