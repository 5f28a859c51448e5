"""OTLP requests for tests, built by hand from opentelemetry-proto."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable, Mapping, Sequence

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status
from spanhouse_collector.frame import digest_of, frame_header

Value = str | bool | int | float

INTERNAL, SERVER, CLIENT, PRODUCER, CONSUMER = (
    Span.SPAN_KIND_INTERNAL,
    Span.SPAN_KIND_SERVER,
    Span.SPAN_KIND_CLIENT,
    Span.SPAN_KIND_PRODUCER,
    Span.SPAN_KIND_CONSUMER,
)
MILLISECOND = 1_000_000
SECOND = 1000 * MILLISECOND


def key_values(attributes: Mapping[str, Value]) -> list[KeyValue]:
    return [KeyValue(key=key, value=any_value(value)) for key, value in attributes.items()]


def any_value(value: Value) -> AnyValue:
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    return AnyValue(string_value=value)


def span(
    name: str = "operation",
    *,
    trace_id: bytes | None = None,
    span_id: bytes | None = None,
    parent: Span | bytes = b"",
    kind: Span.SpanKind.ValueType = INTERNAL,
    start: int | None = None,
    duration: int = MILLISECOND,
    error: bool = False,
    attributes: Mapping[str, Value] | None = None,
) -> Span:
    """A span; a parent span gives the trace too. start: unix nanoseconds, now by default. duration: nanoseconds."""
    begin = time.time_ns() if start is None else start
    if isinstance(parent, Span):
        trace_id = trace_id or parent.trace_id
    return Span(
        trace_id=secrets.token_bytes(16) if trace_id is None else trace_id,
        span_id=secrets.token_bytes(8) if span_id is None else span_id,
        parent_span_id=parent.span_id if isinstance(parent, Span) else parent,
        name=name,
        kind=kind,
        start_time_unix_nano=begin,
        end_time_unix_nano=begin + duration,
        attributes=key_values(attributes or {}),
        status=Status(code=Status.STATUS_CODE_ERROR) if error else Status(),
    )


def request(spans: Mapping[str, Sequence[Span]]) -> ExportTraceServiceRequest:
    """A request with the spans of each service."""
    return ExportTraceServiceRequest(
        resource_spans=[
            ResourceSpans(
                resource=Resource(attributes=key_values({"service.name": service})),
                scope_spans=[ScopeSpans(spans=batch)],
            )
            for service, batch in spans.items()
        ]
    )


def frame(body: bytes, *, tenant: str = "default", received_at: int | None = None, rejected: int = 0) -> bytes:
    """`body` as it stands in a segment."""
    at = time.time_ns() if received_at is None else received_at
    spans = sum(
        len(scope_spans.spans)
        for resource_spans in ExportTraceServiceRequest.FromString(body).resource_spans
        for scope_spans in resource_spans.scope_spans
    )
    return frame_header(tenant, at, body, digest=digest_of(body), items=spans, rejected=rejected) + body


def segment(bodies: Iterable[bytes], *, tenant: str = "default") -> bytes:
    """The bytes of a segment with one frame for each body."""
    return b"".join(frame(body, tenant=tenant) for body in bodies)
