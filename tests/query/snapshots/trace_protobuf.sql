WITH 
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

SELECT arrayStringConcat(arrayMap(part -> part.3, arraySort(groupArray((earliest, resource_id, field('\x0a', concat(
    field('\x0a', concat(
        attribute_fields('\x0a', attributes, attribute_types),
        varint_field('\x10', dropped_attributes))),
    scopes_text,
    optional_field('\x1a', schema_url))))))), '')
FROM
(
    SELECT
        resource_id,
        min(scope_earliest) AS earliest,
        arrayStringConcat(arrayMap(part -> part.3, arraySort(groupArray((scope_earliest, scope_name, scope_spans)))), '') AS scopes_text
    FROM
    (
        WITH 
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

        SELECT
            resource_id,
            scope_earliest,
            scope_name,
            field('\x12', concat(
    field('\x0a', concat(
        optional_field('\x0a', scope_name::String),
        optional_field('\x12', scope_version::String),
        attribute_fields('\x1a', scope_attributes, scope_attribute_types::String))),
    spans_text,
    optional_field('\x1a', scope_schema_url::String))) AS scope_spans
        FROM
        (
            SELECT
                resource_id, scope_name, scope_version, scope_attributes, scope_attribute_types, scope_schema_url,
                min(start) AS scope_earliest,
                arrayStringConcat(arrayMap(part -> part.3, arraySort(groupArray((start, span_id, span)))), '') AS spans_text
            FROM
            (
                WITH 
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

                SELECT resource_id, scope_name, scope_version, scope_attributes, scope_attribute_types, scope_schema_url, span_id, (toUnixTimestamp64Nano(ts) + clock_offset)::UInt64 AS start, field('\x12', concat(
    '\x0a\x10', trace_id, '\x12\x08', span_id,
    optional_field('\x1a', trace_state::String),
    if(parent_span_id = toFixedString('', 8), '', concat('\x22\x08', parent_span_id)),
    optional_field('\x2a', name::String),
    varint_field('\x30', kind::UInt8),
    fixed_field('\x39', (toUnixTimestamp64Nano(ts) + clock_offset)::UInt64),
    fixed_field('\x41', ((toUnixTimestamp64Nano(ts) + clock_offset)::UInt64 + duration)::UInt64),
    attribute_fields('\x4a', attributes, attribute_types::String),
    varint_field('\x50', dropped_attributes),
    arrayStringConcat(arrayMap(e -> field('\x5a', concat(
    fixed_field('\x09', e.time),
    optional_field('\x12', e.name::String),
    attribute_fields('\x1a', e.attributes, e.attribute_types::String),
    varint_field('\x20', e.dropped_attributes))), events)),
    varint_field('\x60', dropped_events),
    arrayStringConcat(arrayMap(l -> field('\x6a', concat(
    optional_field('\x0a', l.trace_id),
    optional_field('\x12', l.span_id),
    optional_field('\x1a', l.trace_state),
    attribute_fields('\x22', l.attributes, l.attribute_types::String),
    varint_field('\x28', l.dropped_attributes),
    fixed_field('\x35', l.flags))), links)),
    varint_field('\x70', dropped_links),
    optional_field('\x7a', concat(optional_field('\x12', status_message), varint_field('\x18', status::UInt8))),
    fixed_field('\x85\x01', flags))) AS span
                FROM spans
                WHERE tenant = {tenant:String} AND trace_id = toFixedString(unhex({trace_id:String}), 16)
    AND ts >= fromUnixTimestamp64Nano({first:Int64}, 'UTC') AND ts <= fromUnixTimestamp64Nano({last:Int64}, 'UTC') AND ((toUnixTimestamp64Nano(ts) + clock_offset)::UInt64, span_id) >= ({since:UInt64}, unhex({since_id:String})::FixedString(8))
    AND ({open:Bool} OR ((toUnixTimestamp64Nano(ts) + clock_offset)::UInt64, span_id) < ({until:UInt64}, unhex({until_id:String})::FixedString(8)))
            )
            GROUP BY resource_id, scope_name, scope_version, scope_attributes, scope_attribute_types, scope_schema_url
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
    WHERE tenant = {tenant:String}
    GROUP BY id
) AS resource ON resource_id = id
