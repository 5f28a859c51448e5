"""The answers of OTLP, in protobuf and in JSON."""

from __future__ import annotations

import orjson
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from spanhouse_collector.admission.check import Checked

_FULL_SUCCESS = ExportTraceServiceResponse().SerializeToString()


def traces_response(checked: Checked) -> bytes:
    """ExportTraceServiceResponse; partial_success is set only where spans were rejected."""
    if not checked.rejected:
        return _FULL_SUCCESS
    response = ExportTraceServiceResponse()
    response.partial_success.rejected_spans = checked.rejected
    response.partial_success.error_message = checked.message
    return response.SerializeToString()


def traces_response_json(checked: Checked) -> bytes:
    """The same in OTLP/JSON; 64-bit integers are strings."""
    if not checked.rejected:
        return b"{}"
    return orjson.dumps({"partialSuccess": {"rejectedSpans": str(checked.rejected), "errorMessage": checked.message}})


def status_response(code: int, message: str) -> bytes:
    """google.rpc.Status for a refusal."""
    body: bytes = Status(code=code, message=message).SerializeToString()
    return body


def status_response_json(code: int, message: str) -> bytes:
    """The same in JSON."""
    return orjson.dumps({"code": code, "message": message})
