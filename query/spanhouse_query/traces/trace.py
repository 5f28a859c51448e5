"""One trace by its id."""

from __future__ import annotations

from starlette.responses import Response

from spanhouse_query.endpoint import Call, Endpoint
from spanhouse_query.parameters import Parameters, TraceId
from spanhouse_query.problems import Problem, not_found
from spanhouse_query.traces.otlp import as_json, as_protobuf

JSON = "application/json"
PROTOBUF = ("application/x-protobuf", "application/protobuf")

BOUNDS_SQL = """
SELECT toUnixTimestamp64Nano(min(first)) AS first, toUnixTimestamp64Nano(max(last)) AS last, count() AS parts
FROM trace_index
WHERE tenant = {tenant:String} AND trace_id = toFixedString(unhex({trace_id:String}), 16)
"""


class TraceParameters(Parameters):
    """Parameters of a trace."""

    trace_id: TraceId


async def trace(call: Call, parameters: TraceParameters) -> Response:
    """The spans of the trace that are stored by now."""
    media_type = _negotiated(call.headers.get("Accept", "*/*"))
    (found,) = await call.reader.rows(BOUNDS_SQL, trace_id=parameters.trace_id)
    if not found["parts"]:
        raise not_found(f"there is no trace {parameters.trace_id}")
    encode = as_json if media_type == JSON else as_protobuf
    body = await encode(call.reader, trace_id=parameters.trace_id, first=found["first"], last=found["last"])
    return Response(body, headers={"Content-Type": media_type, "Vary": "Accept"})


def _negotiated(accept: str) -> str:
    """The first media type of Accept that can be answered; weights are not needed to tell these two apart."""
    wanted = [entry.partition(";")[0].strip().lower() for entry in accept.split(",")]
    for media_type in wanted:
        if media_type in PROTOBUF:
            return media_type
        if media_type in (JSON, "application/*", "*/*", ""):
            return JSON
    raise Problem(
        406,
        "not-acceptable",
        "Not acceptable",
        f"a trace is not available as {accept}",
        parameter="Accept",
        allowed=[JSON, *PROTOBUF],
    )


ENDPOINTS = [
    Endpoint(
        path="/api/v1/traces/{trace_id}",
        handler=trace,
        summary="A trace in OTLP, as JSON or protobuf by the Accept header",
        parameters=TraceParameters,
        media={
            JSON: {
                "type": "object",
                "required": ["resourceSpans"],
                "properties": {"resourceSpans": {"type": "array", "items": {"type": "object"}}},
            },
            **{media_type: {"type": "string", "format": "binary"} for media_type in PROTOBUF},
        },
        problems=(404, 406),
    ),
]
