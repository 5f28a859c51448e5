"""A small OTLP endpoint that keeps the spans and metrics it is sent, over gRPC and HTTP, as they came."""

import gzip
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal

import grpc
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2_grpc import (
    MetricsServiceServicer,
    add_MetricsServiceServicer_to_server,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer,
    add_TraceServiceServicer_to_server,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

Protocol = Literal["grpc", "http/protobuf"]
Value = str | bool | int | float | None
PROTOBUF = "application/x-protobuf"


@dataclass(frozen=True)
class ReceivedSpan:
    """One span as it was sent; `resource` and `attributes` without arrays and maps."""

    protocol: Protocol
    resource: dict[str, Value]
    span: Span
    attributes: dict[str, Value]

    @property
    def service(self) -> str:
        return str(self.resource["service.name"])


class OtlpSink:
    """What arrived so far; urls of its two doors. metrics_status: what requests with metrics are answered."""

    def __init__(self) -> None:
        self.grpc_url = ""
        self.http_url = ""
        self.http_encodings: set[str] = set()
        self.metrics_status = 200
        self.metrics: list[ExportMetricsServiceRequest] = []
        self.metrics_headers: dict[str, str] = {}
        self._spans: list[ReceivedSpan] = []
        self._lock = threading.Lock()

    @property
    def spans(self) -> list[ReceivedSpan]:
        with self._lock:
            return list(self._spans)

    def keep(self, request: ExportTraceServiceRequest, protocol: Protocol, encoding: str = "") -> None:
        received = [
            ReceivedSpan(protocol, _flat(group.resource.attributes), span, _flat(span.attributes))
            for group in request.resource_spans
            for scope in group.scope_spans
            for span in scope.spans
        ]
        with self._lock:
            self._spans.extend(received)
            self.http_encodings |= {encoding} if encoding else set()


@contextmanager
def otlp_sink() -> Iterator[OtlpSink]:
    """A sink that listens on two free loopback ports while the block runs."""
    sink = OtlpSink()
    with _grpc_door(sink), _http_door(sink):
        yield sink


@contextmanager
def _grpc_door(sink: OtlpSink) -> Iterator[None]:
    class Servicer(TraceServiceServicer):
        def Export(
            self, request: ExportTraceServiceRequest, _context: grpc.ServicerContext
        ) -> ExportTraceServiceResponse:
            sink.keep(request, "grpc")
            return ExportTraceServiceResponse()

    class MetricsServicer(MetricsServiceServicer):
        def Export(
            self, request: ExportMetricsServiceRequest, _context: grpc.ServicerContext
        ) -> ExportMetricsServiceResponse:
            sink.metrics.append(request)
            return ExportMetricsServiceResponse()

    server = grpc.server(ThreadPoolExecutor(max_workers=4))
    add_MetricsServiceServicer_to_server(MetricsServicer(), server)  # type: ignore[no-untyped-call]  # generated code
    add_TraceServiceServicer_to_server(Servicer(), server)  # type: ignore[no-untyped-call]  # generated code
    sink.grpc_url = f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        yield
    finally:
        server.stop(grace=None).wait()


@contextmanager
def _http_door(sink: OtlpSink) -> Iterator[None]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self._body()
            encoding = self.headers.get("Content-Encoding", "identity")
            if self.path not in ("/v1/traces", "/v1/metrics") or self.headers["Content-Type"] != PROTOBUF:
                self.send_error(404 if self.headers["Content-Type"] == PROTOBUF else 415)
                return
            body = gzip.decompress(body) if encoding == "gzip" else body
            if self.path == "/v1/metrics":
                self._metrics(body)
                return
            sink.keep(ExportTraceServiceRequest.FromString(body), "http/protobuf", encoding)
            self._answer(ExportTraceServiceResponse().SerializeToString())

        def _metrics(self, body: bytes) -> None:
            if sink.metrics_status != 200:
                self.send_response(sink.metrics_status)
                self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            sink.metrics_headers = dict(self.headers)
            sink.metrics.append(ExportMetricsServiceRequest.FromString(body))
            self._answer(ExportMetricsServiceResponse().SerializeToString())

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding") != "chunked":
                return self.rfile.read(int(self.headers["Content-Length"]))
            body = b""  # the Node.js exporter does not say how long its body will be
            while length := int(self.rfile.readline(), 16):
                body += self.rfile.read(length)
                self.rfile.readline()
            self.rfile.readline()
            return body

        def _answer(self, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Type", PROTOBUF)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Keep the output of the tests clean."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True  # a client may keep its connection open longer than the test runs
        sink.http_url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


def _flat(pairs: Iterable[KeyValue]) -> dict[str, Value]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> Value:
    kind = value.WhichOneof("value")
    if kind in ("string_value", "bool_value", "int_value", "double_value"):
        return getattr(value, kind)  # type: ignore[no-any-return]
    return None
