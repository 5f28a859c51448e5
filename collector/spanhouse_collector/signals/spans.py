"""Traces: which spans can be stored, and where they lie in a request.

Ids are compared by C loops over the parsed spans; Python looks at single spans only to count once it is known that some
are bad. A C loop keeps all other threads waiting and every span in it is an object, so that it goes over a slice of the
spans at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import attrgetter

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from spanhouse_storage import engine

from spanhouse_collector.signals.signal import Checked, JsonObject, OtlpSignal, json_list

_TRACE_ID = attrgetter("trace_id")
_SPAN_ID = attrgetter("span_id")
_NO_TRACE_ID = bytes(16)
_NO_SPAN_ID = bytes(8)
_SIXTEEN = {16}
_EIGHT = {8}
_SLICE = 4096


def is_valid(span: Span) -> bool:
    """Whether a span can be stored; the rule is the one that the views in storage's schema apply."""
    return len(span.trace_id) == 16 and len(span.span_id) == 8 and any(span.trace_id) and any(span.span_id)


def check_spans(request: ExportTraceServiceRequest, _: int) -> Checked:
    """Spans whose ids are not 16 and 8 bytes, or are all zero, are rejected; whenever they were made."""
    spans = rejected = 0
    for resource_spans in request.resource_spans:
        for scope_spans in resource_spans.scope_spans:
            spans += len(scope_spans.spans)
            for start in range(0, len(scope_spans.spans), _SLICE):
                some = scope_spans.spans[start : start + _SLICE]
                if not _ids_are_valid(some):
                    rejected += sum(not is_valid(span) for span in some)
    if not rejected:
        return Checked(spans)
    rule = "trace_id must be 16 bytes and span_id 8 bytes, neither all zero"
    return Checked(spans, rejected, f"spans rejected: {rejected} of {spans}; {rule}")


def _ids_are_valid(spans: Sequence[Span]) -> bool:
    trace_ids = set(map(_TRACE_ID, spans))
    span_ids = set(map(_SPAN_ID, spans))
    return (
        set(map(len, trace_ids)) == _SIXTEEN
        and set(map(len, span_ids)) == _EIGHT
        and _NO_TRACE_ID not in trace_ids
        and _NO_SPAN_ID not in span_ids
    )


def _json_spans(document: JsonObject) -> Iterator[tuple[str, JsonObject]]:
    for r, resource_spans in enumerate(json_list(document, "resourceSpans")):
        for s, scope_spans in enumerate(json_list(resource_spans, "scopeSpans")):
            for i, span in enumerate(json_list(scope_spans, "spans")):
                yield f"resourceSpans[{r}].scopeSpans[{s}].spans[{i}]", span


TRACES = OtlpSignal(
    name="traces",
    items="spans",
    stored_as=engine.TRACES,
    request=ExportTraceServiceRequest,
    response=ExportTraceServiceResponse,
    rejected="rejected_spans",
    service="opentelemetry.proto.collector.trace.v1.TraceService",
    outline=(frozenset({0x0A}), frozenset({0x12}), frozenset({0x12})),
    check=check_spans,
    json_items=_json_spans,
    ids_in="links",
    is_idempotent=False,
)
