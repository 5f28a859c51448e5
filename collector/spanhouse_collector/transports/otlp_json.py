"""OTLP/JSON to the protobuf bytes that the log holds.

OTLP/JSON is protobuf's JSON mapping but for ids, which are hexadecimal in either case, and enums, which are numbers
(OTLP specification 1.x, "JSON Protobuf Encoding"). Unknown fields are ignored.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from typing import Any

import orjson
from google.protobuf.json_format import MessageToDict, ParseDict, ParseError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from spanhouse_collector.errors import Malformed, TooLarge

_ID_FIELDS = ("traceId", "spanId", "parentSpanId")


def traces_from_json(body: bytes, max_spans: int) -> bytes:
    """The protobuf form of an OTLP/JSON trace request.

    Raises Malformed, saying where it is wrong, or TooLarge for more than `max_spans` spans.
    """
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Malformed(f"the body is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise Malformed('the body is not a JSON object; expected {"resourceSpans": [...]}')
    try:
        for number, (path, span) in enumerate(_spans_of(document)):
            if number >= max_spans:
                raise TooLarge(f"the request has more than {max_spans} spans; send smaller batches or raise max_spans")
            _decode_ids(path, span)
            for index, link in enumerate(_list(span, "links")):
                _decode_ids(f"{path}.links[{index}]", link)
        return ParseDict(document, ExportTraceServiceRequest(), ignore_unknown_fields=True).SerializeToString()
    except (ParseError, TypeError, AttributeError, ValueError, RecursionError) as error:
        raise Malformed(f"the body is not an OTLP/JSON trace request: {error}") from error


def traces_to_json(request: ExportTraceServiceRequest) -> dict[str, Any]:
    """The OTLP/JSON form of a trace request."""
    document = MessageToDict(request, use_integers_for_enums=True)
    for _, span in _spans_of(document):
        for holder in (span, *_list(span, "links")):
            for field in _ID_FIELDS:
                if field in holder:
                    holder[field] = base64.b64decode(holder[field]).hex()
    return document


def _spans_of(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for r, resource_spans in enumerate(_list(document, "resourceSpans")):
        for s, scope_spans in enumerate(_list(resource_spans, "scopeSpans")):
            for i, span in enumerate(_list(scope_spans, "spans")):
                yield f"resourceSpans[{r}].scopeSpans[{s}].spans[{i}]", span


def _list(parent: dict[str, Any], field: str) -> list[dict[str, Any]]:
    value = parent.get(field) or []
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise TypeError(f"{field} must be an array of objects")
    return value


def _decode_ids(path: str, holder: dict[str, Any]) -> None:
    """Put protobuf's base64 in the place of hexadecimal ids."""
    for field in _ID_FIELDS:
        value = holder.get(field)
        if value:
            try:
                holder[field] = base64.b64encode(bytes.fromhex(value)).decode()
            except (ValueError, TypeError, binascii.Error) as error:
                raise ValueError(f"{path}.{field} must be hexadecimal, not {value!r:.60}") from error
