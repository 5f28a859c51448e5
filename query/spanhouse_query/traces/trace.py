"""One trace by its id."""

from __future__ import annotations

from collections.abc import AsyncIterator

from starlette.responses import Response, StreamingResponse

from spanhouse_query.endpoint import Call, Endpoint
from spanhouse_query.parameters import Parameters, TraceId
from spanhouse_query.problems import Problem, not_found
from spanhouse_query.traces.marked import CORRECTION, TRUNCATION, Marked, marked_spans
from spanhouse_query.traces.otlp import as_json, as_protobuf
from spanhouse_query.traces.parts import Extent

JSON = "application/json"
CORRECTED_HEADER = "Spanhouse-Corrected-Spans"
TRUNCATED_HEADER = "Spanhouse-Truncated-Spans"
PROTOBUF = ("application/x-protobuf", "application/protobuf")

BOUNDS_SQL = """
SELECT
    toUnixTimestamp64Nano(min(i.first)) AS first,
    toUnixTimestamp64Nano(max(i.last)) AS last,
    sum(i.spans)::Int64 AS spans
FROM trace_index AS i
WHERE tenant = {tenant:String} AND trace_id = toFixedString(unhex({trace_id:String}), 16)
"""


class TraceParameters(Parameters):
    """Parameters of a trace."""

    trace_id: TraceId


async def trace(call: Call, parameters: TraceParameters) -> Response:
    """The spans of the trace that are stored by now. What goes wrong after the first part breaks the answer off."""
    media_type = _negotiated(call.headers.get("Accept", "*/*"))
    (found,) = await call.reader.rows(BOUNDS_SQL, trace_id=parameters.trace_id)
    if not found["spans"]:
        raise not_found(f"there is no trace {parameters.trace_id}")
    extent = Extent(parameters.trace_id, **found)
    marked = await marked_spans(call.reader, [extent.trace_id], first=extent.first, last=extent.last)
    of_trace = marked.get(extent.trace_id, Marked())
    written = as_json(call.reader, extent) if media_type == JSON else as_protobuf(call.reader, extent)
    headers = {
        "Vary": "Accept",
        CORRECTED_HEADER: str(of_trace.corrected),
        TRUNCATED_HEADER: str(of_trace.truncated),
    }
    return StreamingResponse(_after(await anext(written), written), headers=headers, media_type=media_type)


async def _after(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """`first`, which was waited for so that its errors still have an answer of their own, and then the rest."""
    yield first
    async for part in rest:
        yield part


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
        headers={CORRECTED_HEADER: CORRECTION, TRUNCATED_HEADER: TRUNCATION},
        advice="ask for protobuf (Accept: application/x-protobuf), which takes less of both than JSON",
        problems=(404, 406),
    ),
]
