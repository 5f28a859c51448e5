-- Traces: from frames of raw OTLP requests to spans, resources, the trace index, RED by minute and rejected spans.
-- Statements end with a semicolon at the end of a line. All are idempotent: a migration that was cut off runs again.
--
-- Every table remembers its last 10,000 parts by the token of their insert, so that a segment inserted again adds
-- nothing; an insert makes one part for each partition, which is up to 31 for one of spans. It syncs new parts to disk,
-- because a segment is removed from the log once it is inserted. Merged parts need no sync: their sources stay for eight
-- minutes (old_parts_lifetime).

-- What INSERT ... FORMAT Protobuf writes to (message Frame of otlp.proto). It stores nothing; the views below do.
-- `kind` of an attribute value names the member of the oneof that was present (input_format_protobuf_oneof_presence).
CREATE TABLE IF NOT EXISTS otlp_traces_in
(
    tenant String,
    received_at UInt64,
    rejected_spans UInt32,
    traces Tuple(resource_spans Array(Tuple(
        resource Tuple(
            attributes Array(Tuple(key String, value Tuple(kind Enum8('absent' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, array_value String, kvlist_value String, bytes_value String))),
            dropped_attributes_count UInt32),
        scope_spans Array(Tuple(
            scope Tuple(
                name String,
                version String,
                attributes Array(Tuple(key String, value Tuple(kind Enum8('absent' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, array_value String, kvlist_value String, bytes_value String))),
                dropped_attributes_count UInt32),
            spans Array(Tuple(
                trace_id String,
                span_id String,
                trace_state String,
                parent_span_id String,
                name String,
                kind Int32,
                start_time_unix_nano UInt64,
                end_time_unix_nano UInt64,
                attributes Array(Tuple(key String, value Tuple(kind Enum8('absent' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, array_value String, kvlist_value String, bytes_value String))),
                dropped_attributes_count UInt32,
                events Array(Tuple(
                    time_unix_nano UInt64,
                    name String,
                    attributes Array(Tuple(key String, value Tuple(kind Enum8('absent' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, array_value String, kvlist_value String, bytes_value String))),
                    dropped_attributes_count UInt32)),
                dropped_events_count UInt32,
                links Array(Tuple(
                    trace_id String,
                    span_id String,
                    trace_state String,
                    attributes Array(Tuple(key String, value Tuple(kind Enum8('absent' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, array_value String, kvlist_value String, bytes_value String))),
                    dropped_attributes_count UInt32,
                    flags UInt32)),
                dropped_links_count UInt32,
                status Tuple(message String, code Int32),
                flags UInt32)),
            schema_url String)),
        schema_url String)))
)
ENGINE = Null;

-- One row a span. The order keeps a trace together and prunes by time (docs/adr/0002).
-- attributes: values as text; attribute_types has one letter for each, in map order, so that OTLP can be given back
-- as it came: s string, b bool, i int, d double, a array, k key-value list, x bytes, n no value. Values of the types a,
-- k and x are base64 of the raw sub-message or bytes.
-- clock_offset: reported start minus ts in nanoseconds; not zero only where the reported start lay outside the window
-- that is believed, and ts is the arrival instead. marks: 1 such a start, 2 end before start (duration is zero),
-- 4 a parent id that is not 8 bytes (read as none), 8 that more was sent than is stored: of a string or of bytes the
-- first 65,536 bytes, of a longer array or key-value list an empty one, and of attributes, events and links 1,024 of each
-- list, the others being added to what was dropped (docs/adr/0010). Of a resource and a scope as much is stored.
-- adjusted_count: how many spans it stands for, by the sampling threshold `ot=th` in its tracestate (OpenTelemetry's
-- consistent probability sampling: 2^56 / (2^56 - th)); 1 without one, a million at most.
CREATE TABLE IF NOT EXISTS spans
(
    tenant LowCardinality(String),
    ts DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1)),
    trace_id FixedString(16) CODEC(ZSTD(1)),
    span_id FixedString(8) CODEC(NONE),
    parent_span_id FixedString(8) CODEC(ZSTD(1)),
    service LowCardinality(String),
    name LowCardinality(String),
    kind Enum8('unspecified' = 0, 'internal' = 1, 'server' = 2, 'client' = 3, 'producer' = 4, 'consumer' = 5),
    duration UInt64 CODEC(T64, ZSTD(1)),
    status Enum8('unset' = 0, 'ok' = 1, 'error' = 2),
    status_message String CODEC(ZSTD(1)),
    resource_id UInt64 CODEC(ZSTD(1)),
    scope_name LowCardinality(String),
    scope_version LowCardinality(String),
    scope_attributes Map(LowCardinality(String), String),
    scope_attribute_types LowCardinality(String),
    scope_schema_url LowCardinality(String),
    attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    attribute_types LowCardinality(String),
    events Array(Tuple(time UInt64, name LowCardinality(String), attributes Map(LowCardinality(String), String), attribute_types LowCardinality(String), dropped_attributes UInt32)) CODEC(ZSTD(1)),
    links Array(Tuple(trace_id String, span_id String, trace_state String, attributes Map(LowCardinality(String), String), attribute_types LowCardinality(String), dropped_attributes UInt32, flags UInt32)) CODEC(ZSTD(1)),
    trace_state LowCardinality(String),
    adjusted_count Float64 DEFAULT if((extract(trace_state, '(?:^|,)[ \\t]*ot=(?:[^,]*;)?th:([0-9a-f]{1,14})(?:;|[ \\t]*(?:,|$))') AS th) = '', 1,
        least(1000000, exp2(56) / (exp2(56) - reinterpretAsUInt64(reverse(unhex(rightPad(th, 14, '0'))))))) CODEC(ZSTD(1)),
    flags UInt32 CODEC(ZSTD(1)),
    dropped_attributes UInt32 CODEC(ZSTD(1)),
    dropped_events UInt32 CODEC(ZSTD(1)),
    dropped_links UInt32 CODEC(ZSTD(1)),
    clock_offset Int64 CODEC(ZSTD(1)),
    marks UInt8 CODEC(ZSTD(1)),
    INDEX attribute_keys mapKeys(attributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX attribute_values mapValues(attributes) TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toDate(ts)
ORDER BY (tenant, toStartOfFiveMinutes(ts), trace_id)
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1, vertical_merge_algorithm_min_rows_to_activate = 1, vertical_merge_algorithm_min_columns_to_activate = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS spans_mv TO spans AS
WITH
    v -> multiIf(length(v.string_value) > 65536, replaceRegexpOne(toValidUTF8(substring(v.string_value, 1, 65536)), '\\x{FFFD}$', ''), v.kind = 'string_value', v.string_value, v.kind = 'int_value', toString(v.int_value), v.kind = 'bool_value', toString(v.bool_value), v.kind = 'double_value', toString(v.double_value), base64Encode(if(length(v.array_value) + length(v.kvlist_value) > 65536, '', concat(v.array_value, v.kvlist_value, substring(v.bytes_value, 1, 65536))))) AS as_text,
    list -> CAST((arraySlice(arrayMap(a -> a.key, list), 1, 1024), arraySlice(arrayMap(a -> as_text(a.value), list), 1, 1024)), 'Map(LowCardinality(String), String)') AS as_map,
    list -> substring(arrayStringConcat(arrayMap(a -> substring('nsbidakx', a.value.kind::UInt8 + 1, 1), list)), 1, 1024) AS as_types,
    n -> greatest(n, 1024) - 1024 AS beyond,
    list -> arrayExists(a -> length(a.value.string_value) + length(a.value.array_value) + length(a.value.kvlist_value) + length(a.value.bytes_value) > 65536, list) AS is_cut
SELECT
    tenant,
    fromUnixTimestamp64Nano(if(believed, span.start_time_unix_nano, received_at)::Int64, 'UTC') AS ts,
    toFixedString(span.trace_id, 16) AS trace_id,
    toFixedString(span.span_id, 8) AS span_id,
    toFixedString(if(length(span.parent_span_id) = 8, span.parent_span_id, ''), 8) AS parent_span_id,
    service,
    span.name AS name,
    if(span.kind BETWEEN 1 AND 5, span.kind, 0)::Int8 AS kind,
    if(span.end_time_unix_nano > span.start_time_unix_nano, span.end_time_unix_nano - span.start_time_unix_nano, 0) AS duration,
    if(span.status.code BETWEEN 1 AND 2, span.status.code, 0)::Int8 AS status,
    span.status.message AS status_message,
    resource_id,
    scope.name AS scope_name,
    scope.version AS scope_version,
    as_map(scope.attributes) AS scope_attributes,
    as_types(scope.attributes) AS scope_attribute_types,
    scope_schema_url,
    as_map(span.attributes) AS attributes,
    as_types(span.attributes) AS attribute_types,
    arrayMap(e -> (e.time_unix_nano, e.name, as_map(e.attributes), as_types(e.attributes), e.dropped_attributes_count + beyond(length(e.attributes))), arrayFilter((e, n) -> n <= 1024, span.events, arrayEnumerate(span.events))) AS events,
    arrayMap(l -> (l.trace_id, l.span_id, l.trace_state, as_map(l.attributes), as_types(l.attributes), l.dropped_attributes_count + beyond(length(l.attributes)), l.flags), arrayFilter((l, n) -> n <= 1024, span.links, arrayEnumerate(span.links))) AS links,
    span.trace_state AS trace_state,
    span.flags AS flags,
    span.dropped_attributes_count + beyond(length(span.attributes)) AS dropped_attributes,
    span.dropped_events_count + beyond(length(span.events)) AS dropped_events,
    span.dropped_links_count + beyond(length(span.links)) AS dropped_links,
    if(believed, 0, (span.start_time_unix_nano - received_at)::Int64) AS clock_offset,
    (not believed) + 2 * (span.end_time_unix_nano < span.start_time_unix_nano) + 4 * (length(span.parent_span_id) NOT IN (0, 8))
        + 8 * (is_cut(span.attributes) OR arrayExists(e -> is_cut(e.attributes) OR length(e.attributes) > 1024, span.events) OR arrayExists(l -> is_cut(l.attributes) OR length(l.attributes) > 1024, span.links) OR beyond(length(span.attributes)) + beyond(length(span.events)) + beyond(length(span.links)) > 0) AS marks
FROM
(
    -- The window in which a clock is believed: 30 days back, one hour ahead of the arrival.
    SELECT *, span.start_time_unix_nano BETWEEN received_at - 30 * 86400 * 1000000000 AND received_at + 3600 * 1000000000 AS believed
    FROM
    (
        -- One arrayJoin a level, and each level passes on only what the next one needs: a column that rides along is
        -- copied for every row that the level makes.
        SELECT tenant, received_at, service, resource_id, scope, scope_schema_url, arrayJoin(span_list) AS span
        FROM
        (
            SELECT tenant, received_at, service, resource_id, scope_spans.scope AS scope, scope_spans.schema_url AS scope_schema_url, scope_spans.spans AS span_list
            FROM
            (
                SELECT tenant, received_at, service, resource_id, arrayJoin(scope_list) AS scope_spans
                FROM
                (
                    SELECT
                        tenant,
                        received_at,
                        resource_spans.scope_spans AS scope_list,
                        arrayFirst(a -> a.key = 'service.name', resource_spans.resource.attributes).value.string_value AS named,
                        if(named = '', 'unknown_service', named) AS service,
                        sipHash64(resource_spans.resource.attributes.key, resource_spans.resource.attributes.value, resource_spans.resource.dropped_attributes_count, resource_spans.schema_url) AS resource_id
                    FROM (SELECT tenant, received_at, arrayJoin(traces.resource_spans) AS resource_spans FROM otlp_traces_in)
                )
            )
        )
    )
)
WHERE length(span.trace_id) = 16 AND length(span.span_id) = 8 AND span.trace_id != repeat('\0', 16) AND span.span_id != repeat('\0', 8);

-- What sent the spans: one row a distinct resource. id is what spans.resource_id holds.
CREATE TABLE IF NOT EXISTS resources
(
    tenant LowCardinality(String),
    id UInt64,
    service SimpleAggregateFunction(any, String),
    attributes SimpleAggregateFunction(any, Map(String, String)),
    attribute_types SimpleAggregateFunction(any, String),
    dropped_attributes SimpleAggregateFunction(any, UInt32),
    schema_url SimpleAggregateFunction(any, String),
    first_seen SimpleAggregateFunction(min, DateTime64(3, 'UTC')),
    last_seen SimpleAggregateFunction(max, DateTime64(3, 'UTC'))
)
ENGINE = AggregatingMergeTree
ORDER BY (tenant, id)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS resources_mv TO resources AS
WITH
    v -> multiIf(length(v.string_value) > 65536, replaceRegexpOne(toValidUTF8(substring(v.string_value, 1, 65536)), '\\x{FFFD}$', ''), v.kind = 'string_value', v.string_value, v.kind = 'int_value', toString(v.int_value), v.kind = 'bool_value', toString(v.bool_value), v.kind = 'double_value', toString(v.double_value), base64Encode(if(length(v.array_value) + length(v.kvlist_value) > 65536, '', concat(v.array_value, v.kvlist_value, substring(v.bytes_value, 1, 65536))))) AS as_text,
    list -> CAST((arraySlice(arrayMap(a -> a.key, list), 1, 1024), arraySlice(arrayMap(a -> as_text(a.value), list), 1, 1024)), 'Map(LowCardinality(String), String)') AS as_map,
    list -> substring(arrayStringConcat(arrayMap(a -> substring('nsbidakx', a.value.kind::UInt8 + 1, 1), list)), 1, 1024) AS as_types
SELECT
    tenant,
    id,
    if(named = '', 'unknown_service', named) AS service,
    as_map(list) AS attributes,
    as_types(list) AS attribute_types,
    dropped + greatest(length(list), 1024) - 1024 AS dropped_attributes,
    schema_url,
    fromUnixTimestamp64Milli(intDiv(min(received_at), 1000000)::Int64, 'UTC') AS first_seen,
    fromUnixTimestamp64Milli(intDiv(max(received_at), 1000000)::Int64, 'UTC') AS last_seen
FROM
(
    SELECT
        tenant,
        received_at,
        resource_spans.resource.attributes AS list,
        resource_spans.resource.dropped_attributes_count AS dropped,
        resource_spans.schema_url AS schema_url,
        arrayFirst(a -> a.key = 'service.name', list).value.string_value AS named,
        sipHash64(list.key, list.value, dropped, schema_url) AS id
    FROM (SELECT tenant, received_at, arrayJoin(traces.resource_spans) AS resource_spans FROM otlp_traces_in)
)
GROUP BY tenant, id, named, list, dropped, schema_url;

-- One row a trace (more until merged, and one for each day it started spans on): where to look for it and what it is.
-- root is the earliest span without a parent, or where none has arrived the earliest span; its first member says which
-- (0 a root, 1 not). first and last bound spans.ts; ended is the latest end.
CREATE TABLE IF NOT EXISTS trace_index
(
    tenant LowCardinality(String),
    day Date,
    trace_id FixedString(16),
    first SimpleAggregateFunction(min, DateTime64(9, 'UTC')),
    last SimpleAggregateFunction(max, DateTime64(9, 'UTC')),
    ended SimpleAggregateFunction(max, DateTime64(9, 'UTC')),
    spans SimpleAggregateFunction(sum, UInt64),
    errors SimpleAggregateFunction(sum, UInt64),
    root SimpleAggregateFunction(min, Tuple(missing UInt8, ts DateTime64(9, 'UTC'), span_id FixedString(8), service String, operation String)),
    services SimpleAggregateFunction(groupUniqArrayArray, Array(String))
)
ENGINE = AggregatingMergeTree
PARTITION BY day
ORDER BY (tenant, trace_id)
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS trace_index_mv TO trace_index AS
SELECT
    tenant,
    toDate(ts) AS day,
    trace_id,
    min(ts) AS first,
    max(ts) AS last,
    max(ts + toIntervalNanosecond(least(duration, 30 * 86400 * 1000000000))) AS ended,
    count() AS spans,
    countIf(status = 'error') AS errors,
    min((parent_span_id != toFixedString('', 8), ts, span_id, service::String, name::String)) AS root,
    groupUniqArray(service::String) AS services
FROM spans
GROUP BY tenant, day, trace_id;

-- Rate, errors and duration by minute of the span's start. entry marks the work a service was asked for: its SERVER and
-- CONSUMER spans and its root spans. spans is how many are stored, truncated how many of them in part; requests,
-- errors, duration_sum and buckets count each as often as its adjusted_count says. buckets is an exponential histogram
-- of scale 5 in nanoseconds, without a zero threshold: bucket i holds the durations in (2^(i/32), 2^((i+1)/32)]; -32768
-- holds the zeros (docs/adr/0004). A duration counts as thirty days at most, so that one wrong clock does not outweigh
-- all others.
CREATE TABLE IF NOT EXISTS red_1m
(
    tenant LowCardinality(String),
    minute DateTime('UTC'),
    service LowCardinality(String),
    operation LowCardinality(String),
    kind Enum8('unspecified' = 0, 'internal' = 1, 'server' = 2, 'client' = 3, 'producer' = 4, 'consumer' = 5),
    entry Bool,
    spans SimpleAggregateFunction(sum, UInt64),
    truncated SimpleAggregateFunction(sum, UInt64),
    requests SimpleAggregateFunction(sum, Float64),
    errors SimpleAggregateFunction(sum, Float64),
    duration_sum SimpleAggregateFunction(sum, Float64),
    duration_min SimpleAggregateFunction(min, UInt64),
    duration_max SimpleAggregateFunction(max, UInt64),
    buckets SimpleAggregateFunction(sumMap, Map(Int16, Float64)),
    first_seen SimpleAggregateFunction(min, DateTime64(3, 'UTC')),
    last_seen SimpleAggregateFunction(max, DateTime64(3, 'UTC'))
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(minute)
ORDER BY (tenant, toStartOfHour(minute), service, operation, kind, entry, minute)
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS red_1m_mv TO red_1m AS
WITH least(duration, 30 * 86400 * 1000000000) AS took
SELECT
    tenant,
    toStartOfMinute(ts)::DateTime('UTC') AS minute,
    service,
    name AS operation,
    kind,
    kind IN ('server', 'consumer') OR parent_span_id = toFixedString('', 8) AS entry,
    count() AS spans,
    countIf(bitAnd(marks, 8) != 0) AS truncated,
    sum(adjusted_count) AS requests,
    sumIf(adjusted_count, status = 'error') AS errors,
    sum(took * adjusted_count) AS duration_sum,
    min(took) AS duration_min,
    max(took) AS duration_max,
    sumMap(map(if(took = 0, -32768, ceil(log2(took) * 32) - 1)::Int16, adjusted_count)) AS buckets,
    min(ts)::DateTime64(3, 'UTC') AS first_seen,
    max(ts)::DateTime64(3, 'UTC') AS last_seen
FROM spans
GROUP BY tenant, minute, service, operation, kind, entry;

-- The same by hour and by day (UTC), which stay for longer (docs/adr/0008). Each insert adds to all three, so they agree
-- whenever spans arrive.
CREATE TABLE IF NOT EXISTS red_1h
(
    tenant LowCardinality(String),
    hour DateTime('UTC'),
    service LowCardinality(String),
    operation LowCardinality(String),
    kind Enum8('unspecified' = 0, 'internal' = 1, 'server' = 2, 'client' = 3, 'producer' = 4, 'consumer' = 5),
    entry Bool,
    spans SimpleAggregateFunction(sum, UInt64),
    truncated SimpleAggregateFunction(sum, UInt64),
    requests SimpleAggregateFunction(sum, Float64),
    errors SimpleAggregateFunction(sum, Float64),
    duration_sum SimpleAggregateFunction(sum, Float64),
    duration_min SimpleAggregateFunction(min, UInt64),
    duration_max SimpleAggregateFunction(max, UInt64),
    buckets SimpleAggregateFunction(sumMap, Map(Int16, Float64)),
    first_seen SimpleAggregateFunction(min, DateTime64(3, 'UTC')),
    last_seen SimpleAggregateFunction(max, DateTime64(3, 'UTC'))
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(hour)
ORDER BY (tenant, toStartOfDay(hour), service, operation, kind, entry, hour)
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS red_1h_mv TO red_1h AS
SELECT
    tenant,
    toStartOfHour(minute, 'UTC')::DateTime('UTC') AS hour,
    service,
    operation,
    kind,
    entry,
    sum(r.spans) AS spans,
    sum(r.truncated) AS truncated,
    sum(r.requests) AS requests,
    sum(r.errors) AS errors,
    sum(r.duration_sum) AS duration_sum,
    min(r.duration_min) AS duration_min,
    max(r.duration_max) AS duration_max,
    sumMap(r.buckets) AS buckets,
    min(r.first_seen) AS first_seen,
    max(r.last_seen) AS last_seen
FROM red_1m AS r
GROUP BY tenant, hour, service, operation, kind, entry;

CREATE TABLE IF NOT EXISTS red_1d
(
    tenant LowCardinality(String),
    day DateTime('UTC'),
    service LowCardinality(String),
    operation LowCardinality(String),
    kind Enum8('unspecified' = 0, 'internal' = 1, 'server' = 2, 'client' = 3, 'producer' = 4, 'consumer' = 5),
    entry Bool,
    spans SimpleAggregateFunction(sum, UInt64),
    truncated SimpleAggregateFunction(sum, UInt64),
    requests SimpleAggregateFunction(sum, Float64),
    errors SimpleAggregateFunction(sum, Float64),
    duration_sum SimpleAggregateFunction(sum, Float64),
    duration_min SimpleAggregateFunction(min, UInt64),
    duration_max SimpleAggregateFunction(max, UInt64),
    buckets SimpleAggregateFunction(sumMap, Map(Int16, Float64)),
    first_seen SimpleAggregateFunction(min, DateTime64(3, 'UTC')),
    last_seen SimpleAggregateFunction(max, DateTime64(3, 'UTC'))
)
ENGINE = AggregatingMergeTree
PARTITION BY toYear(day)
ORDER BY (tenant, toStartOfMonth(day), service, operation, kind, entry, day)
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS red_1d_mv TO red_1d AS
SELECT
    tenant,
    toStartOfDay(hour, 'UTC')::DateTime('UTC') AS day,
    service,
    operation,
    kind,
    entry,
    sum(r.spans) AS spans,
    sum(r.truncated) AS truncated,
    sum(r.requests) AS requests,
    sum(r.errors) AS errors,
    sum(r.duration_sum) AS duration_sum,
    min(r.duration_min) AS duration_min,
    max(r.duration_max) AS duration_max,
    sumMap(r.buckets) AS buckets,
    min(r.first_seen) AS first_seen,
    max(r.last_seen) AS last_seen
FROM red_1h AS r
GROUP BY tenant, day, service, operation, kind, entry;

-- Spans that were turned away because of their ids: 16 and 8 bytes, not all zero. The receiver counts them for the
-- sender (partial success); here is which ones, for a week.
CREATE TABLE IF NOT EXISTS rejects
(
    tenant LowCardinality(String),
    received_at DateTime64(9, 'UTC'),
    service LowCardinality(String),
    reason LowCardinality(String),
    trace_id String,
    span_id String,
    name String
)
ENGINE = MergeTree
PARTITION BY toDate(received_at)
ORDER BY (tenant, received_at)
TTL toDateTime(received_at) + INTERVAL 7 DAY
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1, ttl_only_drop_parts = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS rejects_mv TO rejects AS
SELECT
    tenant,
    fromUnixTimestamp64Nano(received_at::Int64, 'UTC') AS received_at,
    if(named = '', 'unknown_service', named) AS service,
    multiIf(length(span.trace_id) != 16, 'trace_id length', span.trace_id = repeat('\0', 16), 'trace_id zero', length(span.span_id) != 8, 'span_id length', 'span_id zero') AS reason,
    lower(hex(substring(span.trace_id, 1, 64))) AS trace_id,
    lower(hex(substring(span.span_id, 1, 64))) AS span_id,
    span.name AS name
FROM
(
    SELECT tenant, received_at, named, arrayJoin(arrayFlatten(scope_list.spans)) AS span
    FROM
    (
        SELECT tenant, received_at, arrayFirst(a -> a.key = 'service.name', resource_spans.resource.attributes).value.string_value AS named, resource_spans.scope_spans AS scope_list
        FROM (SELECT tenant, received_at, arrayJoin(traces.resource_spans) AS resource_spans FROM otlp_traces_in WHERE rejected_spans > 0)
    )
)
WHERE length(span.trace_id) != 16 OR length(span.span_id) != 8 OR span.trace_id = repeat('\0', 16) OR span.span_id = repeat('\0', 8);
