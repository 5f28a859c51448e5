"""Is this body an OTLP request, and which of its items cannot be stored?

protobuf's C parser reads the whole body; what it rejects is malformed.
"""

from __future__ import annotations

from google.protobuf.message import DecodeError

from spanhouse_collector.admission.outline import require_at_most
from spanhouse_collector.errors import Malformed
from spanhouse_collector.signals import Checked, OtlpSignal


def check(signal: OtlpSignal, body: bytes, max_items: int, received_at: int) -> Checked:
    """Check the bytes of a signal's request that came at `received_at`, unix nanoseconds.

    Raises Malformed where they are not one, TooLarge for more than `max_items` items.
    """
    require_at_most(signal, max_items, body)
    try:
        request = signal.request.FromString(body)
    except DecodeError as error:
        raise Malformed(_what_is_wrong(signal, error)) from error
    return signal.check(request, received_at)


def _what_is_wrong(signal: OtlpSignal, error: DecodeError) -> str:
    if "MaxDepth" in str(error):
        return "an attribute value is nested too deep: allowed are lists in lists 47 deep, or maps in maps 31 deep"
    return f"the body is not a protobuf {signal.request.DESCRIPTOR.name}: {error}"
