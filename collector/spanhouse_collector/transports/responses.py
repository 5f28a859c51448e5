"""The answers of OTLP, in protobuf and in JSON."""

from __future__ import annotations

import orjson
from google.protobuf.json_format import MessageToDict
from google.rpc.status_pb2 import Status

from spanhouse_collector.signals import Checked, OtlpSignal


def success_response(signal: OtlpSignal, checked: Checked) -> bytes:
    """The response message; its partial_success is set only where items were rejected."""
    response = signal.response()
    if checked.rejected:
        partial = response.partial_success  # type: ignore[attr-defined]
        setattr(partial, signal.rejected, checked.rejected)
        partial.error_message = checked.message
    body: bytes = response.SerializeToString()
    return body


def success_response_json(signal: OtlpSignal, checked: Checked) -> bytes:
    """The same in OTLP/JSON; 64-bit integers are strings."""
    if not checked.rejected:
        return b"{}"
    return orjson.dumps(MessageToDict(signal.response.FromString(success_response(signal, checked))))


def status_response(code: int, message: str) -> bytes:
    """google.rpc.Status for a refusal."""
    body: bytes = Status(code=code, message=message).SerializeToString()
    return body


def status_response_json(code: int, message: str) -> bytes:
    """The same in JSON."""
    return orjson.dumps({"code": code, "message": message})
