"""Expressions with which the engine writes stored spans as OTLP, so that no span passes through Python.

One encoding has functions for a WITH clause and an expression for each level: a span from the columns of `spans`; a
scope with its spans from the columns that group them and `spans_text`; a resource with its scopes from the columns of
`resources` and `scopes_text`. Texts of one level are joined by `separator`.
"""

from __future__ import annotations

from dataclasses import dataclass

START = "(toUnixTimestamp64Nano(ts) + clock_offset)::UInt64"
_END = f"({START} + duration)::UInt64"
_NO_PARENT = "toFixedString('', 8)"


@dataclass(frozen=True, slots=True)
class Encoding:
    """OTLP in one of its forms."""

    functions: str
    span: str
    scope_spans: str
    resource_spans: str
    separator: str


# Values of the types a and k are raw sub-messages: they leave between two \x01, which no JSON text holds, for
# `nested_values` to decode.
_JSON_FUNCTIONS = r"""
    (name, value) -> if(value = '', '', concat(',"', name, '":', value)) AS member,
    (name, value) -> if(value = '', '', concat(',"', name, '":', toJSONString(value))) AS text_member,
    (name, value) -> if(value = 0, '', concat(',"', name, '":', toString(value))) AS number_member,
    (name, value) -> arrayMap(v -> if(v = '[]', '', concat(',"', name, '":', v)), [value])[1] AS list_member,
    members -> concat('{', substring(members, 2), '}') AS object_of,
    texts -> concat('[', arrayStringConcat(texts, ','), ']') AS list_of,
    v -> transform(
        v, ['nan', '-nan', 'inf', '-inf', '-0'], ['"NaN"', '"NaN"', '"Infinity"', '"-Infinity"', '-0.0'], v
    ) AS double_text,
    (v, type) -> multiIf(
        type = 's', concat('{"stringValue":', toJSONString(v), '}'),
        type = 'i', concat('{"intValue":"', v, '"}'),
        type = 'b', concat('{"boolValue":', v, '}'),
        type = 'd', concat('{"doubleValue":', double_text(v), '}'),
        type = 'x', concat('{"bytesValue":"', v, '"}'),
        type = 'a', concat('{"arrayValue":\x01a', v, '\x01}'),
        type = 'k', concat('{"kvlistValue":\x01k', v, '\x01}'),
        '{}') AS any_value,
    (map, types) -> list_of(arrayMap(
        (k, v, i) -> concat('{"key":', toJSONString(k::String), ',"value":', any_value(v, substring(types, i, 1)), '}'),
        mapKeys(map), mapValues(map), arrayEnumerate(mapKeys(map)))) AS attribute_list
"""

_JSON_EVENT = """object_of(concat(
    ',"timeUnixNano":"', toString(e.time), '"',
    text_member('name', e.name::String),
    list_member('attributes', attribute_list(e.attributes, e.attribute_types::String)),
    number_member('droppedAttributesCount', e.dropped_attributes)))"""

_JSON_LINK = """object_of(concat(
    ',"traceId":"', lower(hex(l.trace_id)), '","spanId":"', lower(hex(l.span_id)), '"',
    text_member('traceState', l.trace_state),
    list_member('attributes', attribute_list(l.attributes, l.attribute_types::String)),
    number_member('droppedAttributesCount', l.dropped_attributes),
    number_member('flags', l.flags)))"""

JSON = Encoding(
    functions=_JSON_FUNCTIONS,
    span=f"""object_of(concat(
    ',"traceId":"', lower(hex(trace_id)), '","spanId":"', lower(hex(span_id)), '"',
    text_member('traceState', trace_state::String),
    if(parent_span_id = {_NO_PARENT}, '', concat(',"parentSpanId":"', lower(hex(parent_span_id)), '"')),
    number_member('flags', flags),
    ',"name":', toJSONString(name::String),
    ',"kind":', toString(kind::Int8),
    ',"startTimeUnixNano":"', toString({START}), '","endTimeUnixNano":"', toString({_END}), '"',
    list_member('attributes', attribute_list(attributes, attribute_types::String)),
    number_member('droppedAttributesCount', dropped_attributes),
    list_member('events', list_of(arrayMap(e -> {_JSON_EVENT}, events))),
    number_member('droppedEventsCount', dropped_events),
    list_member('links', list_of(arrayMap(l -> {_JSON_LINK}, links))),
    number_member('droppedLinksCount', dropped_links),
    ',"status":', object_of(concat(text_member('message', status_message), number_member('code', status::Int8)))))""",
    scope_spans="""object_of(concat(
    ',"scope":', object_of(concat(
        text_member('name', scope_name::String),
        text_member('version', scope_version::String),
        list_member('attributes', attribute_list(scope_attributes, scope_attribute_types::String)))),
    ',"spans":[', spans_text, ']',
    text_member('schemaUrl', scope_schema_url::String)))""",
    resource_spans="""object_of(concat(
    ',"resource":', object_of(concat(
        list_member('attributes', attribute_list(attributes, attribute_types)),
        number_member('droppedAttributesCount', dropped_attributes))),
    ',"scopeSpans":[', scopes_text, ']',
    text_member('schemaUrl', schema_url)))""",
    separator=",",
)

# The wire format of protobuf. Names end in the wire type: `field` is length-delimited. Fields with their default are
# left out, as proto3 writers do; members of a oneof are written whatever their value. A function's argument is copied
# to wherever its body names it: passing it through arrayMap over one element keeps the query from growing without end.
# Ids stay FixedString, because the cast to String drops zeros at the end. varint writes numbers above 16383 in five
# bytes, the last of which may be empty, as readers must accept.
_PROTOBUF_FUNCTIONS = r"""
    number -> arrayMap(n -> arrayStringConcat(arrayMap(
        i -> char(bitOr(
            bitAnd(bitShiftRight(n, 7 * i), 127),
            if(i < 9 AND bitShiftRight(n, least(7 * i + 7, 63)) != 0, 128, 0))),
        range(arrayCount(i -> i = 0 OR bitShiftRight(n, 7 * i) != 0, range(10))))), [number])[1] AS long_varint,
    number -> arrayMap(n -> multiIf(
        n < 128, char(n),
        n < 16384, char(n % 128 + 128, intDiv(n, 128)),
        char(n % 128 + 128, intDiv(n, 128) % 128 + 128, intDiv(n, 16384) % 128 + 128,
             intDiv(n, 2097152) % 128 + 128, intDiv(n, 268435456))
    ), [number])[1] AS varint,
    (tag, bytes) -> arrayMap(b -> concat(tag, varint(length(b)), b), [bytes])[1] AS field,
    (tag, bytes) -> arrayMap(b -> if(b = '', '', concat(tag, varint(length(b)), b)), [bytes])[1] AS optional_field,
    (tag, n) -> if(n = 0, '', concat(tag, varint(n))) AS varint_field,
    (tag, n) -> if(n = 0, '', concat(tag, reinterpretAsFixedString(n))) AS fixed_field,
    (v, type) -> multiIf(
        type = 'i', concat('\x18', long_varint(reinterpretAsUInt64(toInt64OrZero(v)))),
        type = 'b', if(v = 'true', '\x10\x01', '\x10\x00'),
        type = 'd', concat('\x21', reinterpretAsFixedString(toFloat64OrZero(v))),
        type = 'n', '',
        field(
            transform(type, ['s', 'a', 'k', 'x'], ['\x0a', '\x2a', '\x32', '\x3a'], ''),
            if(type = 's', v, tryBase64Decode(v)))
    ) AS any_value,
    (tag, map, types) -> arrayStringConcat(arrayMap(
        (k, v, i) -> field(tag, concat(
            optional_field('\x0a', k::String), field('\x12', any_value(v, substring(types, i, 1))))),
        mapKeys(map), mapValues(map), arrayEnumerate(mapKeys(map)))) AS attribute_fields
"""

_PROTOBUF_EVENT = r"""concat(
    fixed_field('\x09', e.time),
    optional_field('\x12', e.name::String),
    attribute_fields('\x1a', e.attributes, e.attribute_types::String),
    varint_field('\x20', e.dropped_attributes))"""

_PROTOBUF_LINK = r"""concat(
    optional_field('\x0a', l.trace_id),
    optional_field('\x12', l.span_id),
    optional_field('\x1a', l.trace_state),
    attribute_fields('\x22', l.attributes, l.attribute_types::String),
    varint_field('\x28', l.dropped_attributes),
    fixed_field('\x35', l.flags))"""

PROTOBUF = Encoding(
    functions=_PROTOBUF_FUNCTIONS,
    span=rf"""field('\x12', concat(
    '\x0a\x10', trace_id, '\x12\x08', span_id,
    optional_field('\x1a', trace_state::String),
    if(parent_span_id = {_NO_PARENT}, '', concat('\x22\x08', parent_span_id)),
    optional_field('\x2a', name::String),
    varint_field('\x30', kind::UInt8),
    fixed_field('\x39', {START}),
    fixed_field('\x41', {_END}),
    attribute_fields('\x4a', attributes, attribute_types::String),
    varint_field('\x50', dropped_attributes),
    arrayStringConcat(arrayMap(e -> field('\x5a', {_PROTOBUF_EVENT}), events)),
    varint_field('\x60', dropped_events),
    arrayStringConcat(arrayMap(l -> field('\x6a', {_PROTOBUF_LINK}), links)),
    varint_field('\x70', dropped_links),
    optional_field('\x7a', concat(optional_field('\x12', status_message), varint_field('\x18', status::UInt8))),
    fixed_field('\x85\x01', flags)))""",
    scope_spans=r"""field('\x12', concat(
    field('\x0a', concat(
        optional_field('\x0a', scope_name::String),
        optional_field('\x12', scope_version::String),
        attribute_fields('\x1a', scope_attributes, scope_attribute_types::String))),
    spans_text,
    optional_field('\x1a', scope_schema_url::String)))""",
    resource_spans=r"""field('\x0a', concat(
    field('\x0a', concat(
        attribute_fields('\x0a', attributes, attribute_types),
        varint_field('\x10', dropped_attributes))),
    scopes_text,
    optional_field('\x1a', schema_url)))""",
    separator="",
)
