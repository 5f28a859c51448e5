"""A stored trace as OTLP, as it came: grouped by resource and scope, spans by start and id."""

from __future__ import annotations

import base64
import re
from collections.abc import AsyncIterator
from typing import Any

import orjson
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValueList

from spanhouse_query.reader import Reader
from spanhouse_query.traces.otlp_encoding import JSON, PROTOBUF, START, Encoding
from spanhouse_query.traces.parts import IN_PART, OF_TRACE, Extent, Part, parts_of

# Keeps every bit of a double, and `/` as it is.
_SETTINGS: dict[str, str | int | float] = {"precise_float_parsing": 1, "output_format_json_escape_forward_slashes": 0}
_NESTED = re.compile(rb"\x01([ak])([A-Za-z0-9+/=]*)\x01")
_SCOPE = "scope_name, scope_version, scope_attributes, scope_attribute_types, scope_schema_url"


def trace_sql(encoding: Encoding) -> str:
    """A query for one text: those spans of a trace (see OF_TRACE) that are in a part (see IN_PART)."""
    joined = f"arrayStringConcat(arrayMap(part -> part.3, arraySort(groupArray(%s))), '{encoding.separator}')"
    return f"""
WITH {encoding.functions}
SELECT {joined % f"(earliest, resource_id, {encoding.resource_spans})"}
FROM
(
    SELECT
        resource_id,
        min(scope_earliest) AS earliest,
        {joined % "(scope_earliest, scope_name, scope_spans)"} AS scopes_text
    FROM
    (
        WITH {encoding.functions}
        SELECT
            resource_id,
            scope_earliest,
            scope_name,
            {encoding.scope_spans} AS scope_spans
        FROM
        (
            SELECT
                resource_id, {_SCOPE},
                min(start) AS scope_earliest,
                {joined % "(start, span_id, span)"} AS spans_text
            FROM
            (
                WITH {encoding.functions}
                SELECT resource_id, {_SCOPE}, span_id, {START} AS start, {encoding.span} AS span
                FROM spans
                WHERE {OF_TRACE} AND {IN_PART}
            )
            GROUP BY resource_id, {_SCOPE}
        )
    )
    GROUP BY resource_id
) AS grouped
LEFT JOIN
(
    SELECT
        id,
        any(attributes) AS attributes,
        any(attribute_types) AS attribute_types,
        any(dropped_attributes) AS dropped_attributes,
        any(schema_url) AS schema_url
    FROM resources
    WHERE tenant = {{tenant:String}}
    GROUP BY id
) AS resource ON resource_id = id
"""


async def as_json(reader: Reader, extent: Extent) -> AsyncIterator[bytes]:
    """OTLP/JSON: ids in hexadecimal, 64-bit integers as text, enumerations as numbers."""
    before = b'{"resourceSpans":['
    async for part in parts_of(reader, extent):
        yield before + _NESTED.sub(_nested_value, await _written(reader, JSON, extent, part))
        before = b","
    yield b"]}"


async def as_protobuf(reader: Reader, extent: Extent) -> AsyncIterator[bytes]:
    """Binary OTLP: TracesData, which is ExportTraceServiceRequest on the wire."""
    async for part in parts_of(reader, extent):
        yield await _written(reader, PROTOBUF, extent, part)


async def _written(reader: Reader, encoding: Encoding, extent: Extent, part: Part) -> bytes:
    bound = {**extent.parameters, **part.parameters}
    return await reader.raw(trace_sql(encoding), output="RawBLOB", settings=_SETTINGS, **bound)


def _nested_value(match: re.Match[bytes]) -> bytes:
    raw = base64.b64decode(match[2])
    if match[1] == b"a":
        return orjson.dumps(_array(ArrayValue.FromString(raw)))
    return orjson.dumps(_key_values(KeyValueList.FromString(raw)))


def _array(message: ArrayValue) -> dict[str, Any]:
    return {"values": [_any_value(value) for value in message.values]}


def _key_values(message: KeyValueList) -> dict[str, Any]:
    return {"values": [{"key": pair.key, "value": _any_value(pair.value)} for pair in message.values]}


def _any_value(message: AnyValue) -> dict[str, Any]:
    match message.WhichOneof("value"):
        case "string_value":
            return {"stringValue": message.string_value}
        case "bool_value":
            return {"boolValue": message.bool_value}
        case "int_value":
            return {"intValue": str(message.int_value)}
        case "double_value":
            return {"doubleValue": _double(message.double_value)}
        case "bytes_value":
            return {"bytesValue": base64.b64encode(message.bytes_value).decode()}
        case "array_value":
            return {"arrayValue": _array(message.array_value)}
        case "kvlist_value":
            return {"kvlistValue": _key_values(message.kvlist_value)}
        case _:
            return {}


def _double(value: float) -> float | str:
    """JSON has no word for these three; protobuf's mapping names them."""
    if value != value:
        return "NaN"
    return value if abs(value) != float("inf") else ("Infinity" if value > 0 else "-Infinity")
