"""Is this body an OTLP trace request, and which of its spans cannot be stored?

protobuf's C parser reads the whole body; what it rejects is malformed. Ids are compared by C loops over the parsed
spans; Python looks at single spans only to count once it is known that some are bad. A C loop keeps all other threads
waiting and every span in it is an object, so that it goes over a slice of the spans at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from spanhouse_collector.admission.outline import require_at_most
from spanhouse_collector.errors import Malformed

_TRACE_ID = attrgetter("trace_id")
_SPAN_ID = attrgetter("span_id")
_NO_TRACE_ID = bytes(16)
_NO_SPAN_ID = bytes(8)
_SIXTEEN = {16}
_EIGHT = {8}
_SLICE = 4096


@dataclass(frozen=True, slots=True)
class Checked:
    """What a body holds. spans: all of them. rejected: those whose ids are not 16 and 8 bytes or are all zero."""

    spans: int
    rejected: int = 0
    message: str = ""


def check_traces(body: bytes, max_spans: int) -> Checked:
    """Check the bytes of an ExportTraceServiceRequest.

    Raises Malformed where they are not one, TooLarge for more than `max_spans` spans.
    """
    require_at_most(max_spans, body)
    try:
        request = ExportTraceServiceRequest.FromString(body)
    except DecodeError as error:
        raise Malformed(_what_is_wrong(error)) from error
    return _check(request)


def is_valid(span: Span) -> bool:
    """Whether a span can be stored; the rule is the one that the views in storage's schema apply."""
    return len(span.trace_id) == 16 and len(span.span_id) == 8 and any(span.trace_id) and any(span.span_id)


def _what_is_wrong(error: DecodeError) -> str:
    if "MaxDepth" in str(error):
        return "an attribute value is nested too deep: allowed are lists in lists 47 deep, or maps in maps 31 deep"
    return f"the body is not a protobuf ExportTraceServiceRequest: {error}"


def _check(request: ExportTraceServiceRequest) -> Checked:
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
