"""Requests as the protobuf library writes them.

The wire format leaves more open than the engine's reader takes: it refuses a known field of another wire type, which
protobuf treats as unknown, and a number with more bits than its field, which protobuf cuts off. Written anew, such a
request says the same, and the engine reads it.
"""

from __future__ import annotations

from google.protobuf.message import DecodeError

from spanhouse_collector.admission.check import check
from spanhouse_collector.frame import Frame, digest_of, frame_header
from spanhouse_collector.signals import OtlpSignal


def canonical(signal: OtlpSignal, body: bytes) -> bytes:
    """The same request without fields that protobuf does not know; what is no request as it is."""
    try:
        request = signal.request.FromString(body)
    except DecodeError:
        return body
    request.DiscardUnknownFields()
    return request.SerializeToString()


def canonical_frame(signal: OtlpSignal, data: memoryview, frame: Frame) -> bytes | None:
    """The frame that lies in `data` with its request in canonical form; None where it is that already."""
    old = bytes(data[frame.body : frame.end])
    body = canonical(signal, old)
    if body == old:
        return None
    checked = check(signal, body, len(body), frame.received_at)
    digest = digest_of(body)
    counts = {"items": checked.items, "rejected": checked.rejected}
    return frame_header(frame.tenant, frame.received_at, body, digest=digest, **counts) + body
