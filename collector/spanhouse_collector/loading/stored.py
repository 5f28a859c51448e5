"""Whether a part of a segment is in the store, although its insert failed.

An insert writes to several tables, one after the other. One that fails late leaves what it wrote to the first; under
the same token it goes on from there the next time, under another it would write that again.
"""

from __future__ import annotations

from collections.abc import Sequence

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from spanhouse_storage import Store

from spanhouse_collector.frame import Frame
from spanhouse_collector.signals import OtlpSignal
from spanhouse_collector.signals.spans import is_valid

_SAMPLES = 1000
_BELIEVED_BEFORE = 30 * 86_400 * 10**9  # the window of storage's spans_mv
_BELIEVED_AFTER = 3_600 * 10**9

_COUNT = """
SELECT count() AS found FROM spans
WHERE tenant IN {tenants:Array(String)}
    AND ts BETWEEN fromUnixTimestamp64Nano({first:Int64}, 'UTC') AND fromUnixTimestamp64Nano({last:Int64}, 'UTC')
    AND (trace_id, span_id) IN
    (
        SELECT toFixedString(unhex(id.1), 16), toFixedString(unhex(id.2), 8)
        FROM (SELECT arrayJoin(arrayZip({traces:Array(String)}, {spans:Array(String)})) AS id)
    )
"""


def holds_any(signal: OtlpSignal, store: Store, data: memoryview, frames: Sequence[Frame]) -> bool:
    """Whether the store has the first span of one of `frames`, which lie in `data`; of many, a thousand are asked for.

    Of a signal that may be stored again it is not asked. Raises StoreError.
    """
    if signal.is_idempotent:
        return False
    sample = frames[:: len(frames) // _SAMPLES + 1]
    found = [
        (frame, span) for frame in sample if (span := _first_valid(bytes(data[frame.body : frame.end]))) is not None
    ]
    if not found:
        return False
    times = [_time_of(frame, span) for frame, span in found]
    parameters = {
        "tenants": sorted({frame.tenant for frame, _ in found}),
        "first": min(times),
        "last": max(times),
        "traces": [span.trace_id.hex() for _, span in found],
        "spans": [span.span_id.hex() for _, span in found],
    }
    return bool(store.rows(_COUNT, parameters)[0]["found"])


def _first_valid(body: bytes) -> Span | None:
    try:
        request = ExportTraceServiceRequest.FromString(body)
    except DecodeError:
        return None
    return next(
        (
            span
            for resource_spans in request.resource_spans
            for scope_spans in resource_spans.scope_spans
            for span in scope_spans.spans
            if is_valid(span)
        ),
        None,
    )


def _time_of(frame: Frame, span: Span) -> int:
    """`ts` as spans_mv makes it."""
    start = span.start_time_unix_nano
    is_believed = frame.received_at - _BELIEVED_BEFORE <= start <= frame.received_at + _BELIEVED_AFTER
    return start if is_believed else frame.received_at
