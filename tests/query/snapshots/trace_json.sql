WITH 
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

SELECT arrayStringConcat(arrayMap(part -> part.3, arraySort(groupArray((earliest, resource_id, object_of(concat(
    ',"resource":', object_of(concat(
        list_member('attributes', attribute_list(attributes, attribute_types)),
        number_member('droppedAttributesCount', dropped_attributes))),
    ',"scopeSpans":[', scopes_text, ']',
    text_member('schemaUrl', schema_url))))))), ',')
FROM
(
    SELECT
        resource_id,
        min(scope_earliest) AS earliest,
        arrayStringConcat(arrayMap(part -> part.3, arraySort(groupArray((scope_earliest, scope_name, scope_spans)))), ',') AS scopes_text
    FROM
    (
        WITH 
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

        SELECT
            resource_id,
            scope_earliest,
            scope_name,
            object_of(concat(
    ',"scope":', object_of(concat(
        text_member('name', scope_name::String),
        text_member('version', scope_version::String),
        list_member('attributes', attribute_list(scope_attributes, scope_attribute_types::String)))),
    ',"spans":[', spans_text, ']',
    text_member('schemaUrl', scope_schema_url::String))) AS scope_spans
        FROM
        (
            SELECT
                resource_id, scope_name, scope_version, scope_attributes, scope_attribute_types, scope_schema_url,
                min(start) AS scope_earliest,
                arrayStringConcat(arrayMap(part -> part.3, arraySort(groupArray((start, span_id, span)))), ',') AS spans_text
            FROM
            (
                WITH 
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

                SELECT resource_id, scope_name, scope_version, scope_attributes, scope_attribute_types, scope_schema_url, span_id, (toUnixTimestamp64Nano(ts) + clock_offset)::UInt64 AS start, object_of(concat(
    ',"traceId":"', lower(hex(trace_id)), '","spanId":"', lower(hex(span_id)), '"',
    text_member('traceState', trace_state::String),
    if(parent_span_id = toFixedString('', 8), '', concat(',"parentSpanId":"', lower(hex(parent_span_id)), '"')),
    number_member('flags', flags),
    ',"name":', toJSONString(name::String),
    ',"kind":', toString(kind::Int8),
    ',"startTimeUnixNano":"', toString((toUnixTimestamp64Nano(ts) + clock_offset)::UInt64), '","endTimeUnixNano":"', toString(((toUnixTimestamp64Nano(ts) + clock_offset)::UInt64 + duration)::UInt64), '"',
    list_member('attributes', attribute_list(attributes, attribute_types::String)),
    number_member('droppedAttributesCount', dropped_attributes),
    list_member('events', list_of(arrayMap(e -> object_of(concat(
    ',"timeUnixNano":"', toString(e.time), '"',
    text_member('name', e.name::String),
    list_member('attributes', attribute_list(e.attributes, e.attribute_types::String)),
    number_member('droppedAttributesCount', e.dropped_attributes))), events))),
    number_member('droppedEventsCount', dropped_events),
    list_member('links', list_of(arrayMap(l -> object_of(concat(
    ',"traceId":"', lower(hex(l.trace_id)), '","spanId":"', lower(hex(l.span_id)), '"',
    text_member('traceState', l.trace_state),
    list_member('attributes', attribute_list(l.attributes, l.attribute_types::String)),
    number_member('droppedAttributesCount', l.dropped_attributes),
    number_member('flags', l.flags))), links))),
    number_member('droppedLinksCount', dropped_links),
    ',"status":', object_of(concat(text_member('message', status_message), number_member('code', status::Int8))))) AS span
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
