"""Is this body an OTLP trace request, and which of its spans cannot be stored?

protobuf's C parser reads the whole body; what it rejects is malformed. Ids are compared by C loops over the parsed
spans; Python looks at single spans only to count once it is known that some are bad.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from operator import attrgetter

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from spanhouse_collector.errors import Malformed

_TRACE_ID = attrgetter("trace_id")
_SPAN_ID = attrgetter("span_id")
_NO_TRACE_ID = bytes(16)
_NO_SPAN_ID = bytes(8)
_SIXTEEN = {16}
_EIGHT = {8}


@dataclass(frozen=True, slots=True)
class Checked:
    """What a body holds. spans: all of them. rejected: those whose ids are not 16 and 8 bytes or are all zero."""

    spans: int
    rejected: int = 0
    message: str = ""


def check_traces(body: bytes) -> Checked:
    """Check the bytes of an ExportTraceServiceRequest. Raises Malformed where they are not one."""
    try:
        request = ExportTraceServiceRequest.FromString(body)
    except DecodeError as error:
        raise Malformed(f"the body is not a protobuf ExportTraceServiceRequest: {error}") from error
    return check_request(request)


def check_request(request: ExportTraceServiceRequest) -> Checked:
    """Check the ids of a parsed request; the rule is the one that the views in storage's schema apply."""
    spans = rejected = 0
    for resource_spans in request.resource_spans:
        for scope_spans in resource_spans.scope_spans:
            batch = list(scope_spans.spans)
            spans += len(batch)
            if batch and not _ids_are_valid(batch):
                rejected += sum(not _is_valid(span) for span in batch)
    if not rejected:
        return Checked(spans)
    rule = "trace_id must be 16 bytes and span_id 8 bytes, neither all zero"
    return Checked(spans, rejected, f"spans rejected: {rejected} of {spans}; {rule}")


def _ids_are_valid(batch: Iterable[Span]) -> bool:
    trace_ids = set(map(_TRACE_ID, batch))
    span_ids = set(map(_SPAN_ID, batch))
    return (
        set(map(len, trace_ids)) == _SIXTEEN
        and set(map(len, span_ids)) == _EIGHT
        and _NO_TRACE_ID not in trace_ids
        and _NO_SPAN_ID not in span_ids
    )


def _is_valid(span: Span) -> bool:
    return len(span.trace_id) == 16 and len(span.span_id) == 8 and any(span.trace_id) and any(span.span_id)
