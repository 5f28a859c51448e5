-- Calls between services: both halves of each call as they arrive, and the edges that they make up (docs/adr/0007). How
-- halves are matched is in ../matching.

-- One row a boundary span and side, keyed by the caller: key = cityHash64(trace id, the caller's span id), so that the two
-- halves of a call meet by one number.
--   caller  a CLIENT or PRODUCER span; peer is what it says it called
--   callee  a SERVER or CONSUMER span, keyed by its parent; also a span of another kind whose parent was not among the
--           same service's spans of the same segment, because that parent may be another service's
--   link    a CONSUMER span, once for each span that it links to and that is not its parent
CREATE TABLE IF NOT EXISTS call_halves
(
    tenant LowCardinality(String),
    side Enum8('caller' = 1, 'callee' = 2, 'link' = 3),
    minute DateTime('UTC'),
    key UInt64 CODEC(NONE),
    ts DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1)),
    service LowCardinality(String),
    kind Enum8('unspecified' = 0, 'internal' = 1, 'server' = 2, 'client' = 3, 'producer' = 4, 'consumer' = 5),
    duration UInt64 CODEC(T64, ZSTD(1)),
    error Bool,
    root Bool,
    retry Bool,
    peer_type Enum8('none' = 0, 'service' = 1, 'database' = 2, 'messaging' = 3, 'external' = 4),
    peer LowCardinality(String),
    trace_id FixedString(16) CODEC(ZSTD(1)),
    resource_id UInt64 CODEC(ZSTD(1)),
    adjusted_count Float64 CODEC(ZSTD(1)),
    arrived DateTime64(3, 'UTC') DEFAULT now64(3) CODEC(Delta, ZSTD(1)),
    INDEX arrivals arrived TYPE minmax GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toDate(minute)
ORDER BY (tenant, side, minute, trace_id)
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS callers_mv TO call_halves AS
WITH
    attributes['db.system.name'] AS db, attributes['db.system'] AS old_db,
    attributes['messaging.destination.name'] AS destination, attributes['messaging.destination'] AS old_destination,
    arrayFirst(named -> named != '', [
        attributes['server.address'], attributes['net.peer.name'],
        domain(attributes['url.full']), domain(attributes['http.url']), domain(concat('http://', attributes['http.host'])),
        attributes['rpc.service'], splitByChar('/', attributes['rpc.method'])[1],
        attributes['network.peer.address'], attributes['net.peer.ip']]) AS host
SELECT
    tenant,
    'caller' AS side,
    toStartOfMinute(ts)::DateTime('UTC') AS minute,
    cityHash64(trace_id, span_id) AS key,
    ts,
    service,
    kind,
    duration,
    status = 'error' AS error,
    parent_span_id = toFixedString('', 8) AS root,
    attributes['http.request.resend_count'] NOT IN ('', '0') AS retry,
    multiIf(
        db != '' OR old_db != '', 'database',
        destination != '' OR old_destination != '', 'messaging',
        attributes['peer.service'] != '', 'service',
        host != '', 'external',
        'none') AS peer_type,
    multiIf(
        peer_type = 'messaging', if(destination != '', destination, old_destination),
        attributes['peer.service'] != '', attributes['peer.service'],
        peer_type = 'database', concat(if(db != '', db, old_db), if((coalesce(nullIf(attributes['db.namespace'], ''), attributes['db.name']) AS namespace) = '', '', concat(':', namespace))),
        host) AS peer,
    trace_id,
    resource_id,
    adjusted_count
FROM spans
WHERE kind IN ('client', 'producer');

CREATE MATERIALIZED VIEW IF NOT EXISTS callees_mv TO call_halves AS
WITH
    attributes['messaging.destination.name'] AS destination,
    if(kind = 'consumer', if(destination != '', destination, attributes['messaging.destination']), '') AS queue
SELECT
    tenant,
    'callee' AS side,
    toStartOfMinute(ts)::DateTime('UTC') AS minute,
    cityHash64(trace_id, parent_span_id) AS key,
    ts,
    service,
    kind,
    duration,
    status = 'error' AS error,
    parent_span_id = toFixedString('', 8) AS root,
    false AS retry,
    if(queue = '', 'none', 'messaging') AS peer_type,
    queue AS peer,
    trace_id,
    resource_id,
    adjusted_count
FROM spans
WHERE kind IN ('server', 'consumer')
    -- In a view its own source stands for the inserted block, here too: this looks among the spans of the same insert.
    OR (parent_span_id != toFixedString('', 8) AND cityHash64(tenant, service, trace_id, parent_span_id) NOT IN (SELECT cityHash64(tenant, service, trace_id, span_id) FROM spans));

CREATE MATERIALIZED VIEW IF NOT EXISTS call_links_mv TO call_halves AS
SELECT
    tenant,
    'link' AS side,
    toStartOfMinute(ts)::DateTime('UTC') AS minute,
    cityHash64(toFixedString(link.1, 16), toFixedString(link.2, 8)) AS key,
    ts,
    service,
    kind,
    duration,
    error,
    root,
    false AS retry,
    peer_type,
    peer,
    trace_id,
    resource_id,
    adjusted_count
FROM
(
    SELECT tenant, ts, service, kind, duration, status = 'error' AS error, parent_span_id = toFixedString('', 8) AS root,
        if(attributes['messaging.destination.name'] != '', attributes['messaging.destination.name'], attributes['messaging.destination']) AS peer,
        if(peer = '', 'none', 'messaging') AS peer_type, trace_id, resource_id, adjusted_count,
        arrayJoin(arrayDistinct(arrayFilter(l -> length(l.1) = 16 AND length(l.2) = 8 AND (l.1, l.2) != (trace_id, parent_span_id), arrayZip(links.trace_id, links.span_id)))) AS link
    FROM spans
    WHERE kind = 'consumer' AND notEmpty(links)
);

-- Edges by minute: what matching/calls.sql gives for a minute, grouped. A minute is computed as a whole, under a version of its own, and
-- counts once `edge_minutes` names that version: readers see the old minute or the new one. stored is the number of calls
-- found; calls, errors, retries, named, found and the buckets of the sketches count each as often as its adjusted_count says. Latencies are
-- sketches as in red_1m, with the number and the bounds of the values. slowest, failed and typical are traces to look at, each
-- with the callee's duration, or the caller's where there is no callee; an id of zeros where there is none. Rows without a
-- client only carry named, found and missing.
CREATE TABLE IF NOT EXISTS service_edges_1m
(
    tenant LowCardinality(String),
    minute DateTime('UTC'),
    version UInt64,
    client LowCardinality(String),
    client_type LowCardinality(String),
    server LowCardinality(String),
    server_type LowCardinality(String),
    connection LowCardinality(String),
    stored UInt64,
    calls Float64,
    errors Float64,
    retries Float64,
    client_ns Tuple(n UInt64, min UInt64, max UInt64, buckets Map(Int16, Float64)),
    server_ns Tuple(n UInt64, min UInt64, max UInt64, buckets Map(Int16, Float64)),
    gap_ns Tuple(n UInt64, min UInt64, max UInt64, buckets Map(Int16, Float64)),
    slowest Tuple(duration UInt64, trace_id FixedString(16)),
    failed Tuple(duration UInt64, trace_id FixedString(16)),
    typical Tuple(duration UInt64, trace_id FixedString(16)),
    named Float64,
    found Float64,
    missing UInt64,
    INDEX servers server TYPE bloom_filter GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(minute)
ORDER BY (tenant, toStartOfHour(minute), client, server, connection, client_type, server_type, minute, version)
SETTINGS index_granularity = 1024, ttl_only_drop_parts = 1, fsync_after_insert = 1, fsync_part_directory = 1;

-- The minutes that are rolled up and the version of each that counts.
CREATE TABLE IF NOT EXISTS edge_minutes
(
    tenant LowCardinality(String),
    minute DateTime('UTC'),
    version UInt64
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(minute)
ORDER BY (tenant, minute)
SETTINGS ttl_only_drop_parts = 1, fsync_after_insert = 1, fsync_part_directory = 1;

-- Edges by hour, from those by minute, under versions in the same way (docs/adr/0008). The stamp of an hour is the sum of the
-- versions of the minutes that it was made of: it is out of date as long as the minutes that count have a greater one. The
-- version with the greatest stamp counts. first and last are the earliest and the latest minute with a call, with a trace.
CREATE TABLE IF NOT EXISTS service_edges_1h
(
    tenant LowCardinality(String),
    hour DateTime('UTC'),
    version UInt64,
    client LowCardinality(String),
    client_type LowCardinality(String),
    server LowCardinality(String),
    server_type LowCardinality(String),
    connection LowCardinality(String),
    stored UInt64,
    calls Float64,
    errors Float64,
    retries Float64,
    client_ns Tuple(n UInt64, min UInt64, max UInt64, buckets Map(Int16, Float64)),
    server_ns Tuple(n UInt64, min UInt64, max UInt64, buckets Map(Int16, Float64)),
    gap_ns Tuple(n UInt64, min UInt64, max UInt64, buckets Map(Int16, Float64)),
    slowest Tuple(duration UInt64, trace_id FixedString(16)),
    failed Tuple(duration UInt64, trace_id FixedString(16)),
    typical Tuple(duration UInt64, trace_id FixedString(16)),
    first Tuple(minute UInt32, trace_id FixedString(16)),
    last Tuple(minute UInt32, trace_id FixedString(16)),
    named Float64,
    found Float64,
    INDEX servers server TYPE bloom_filter GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(hour)
ORDER BY (tenant, toStartOfDay(hour), client, server, connection, client_type, server_type, hour, version)
SETTINGS index_granularity = 256, ttl_only_drop_parts = 1, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS edge_hours
(
    tenant LowCardinality(String),
    hour DateTime('UTC'),
    stamp UInt64,
    version UInt64
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(hour)
ORDER BY (tenant, hour)
SETTINGS ttl_only_drop_parts = 1, fsync_after_insert = 1, fsync_part_directory = 1;

-- Edges by day (UTC), from those by hour; the stamp is the sum of the hours' stamps.
CREATE TABLE IF NOT EXISTS service_edges_1d
(
    tenant LowCardinality(String),
    day DateTime('UTC'),
    version UInt64,
    client LowCardinality(String),
    client_type LowCardinality(String),
    server LowCardinality(String),
    server_type LowCardinality(String),
    connection LowCardinality(String),
    stored UInt64,
    calls Float64,
    errors Float64,
    retries Float64,
    client_ns Tuple(n UInt64, min UInt64, max UInt64, buckets Map(Int16, Float64)),
    server_ns Tuple(n UInt64, min UInt64, max UInt64, buckets Map(Int16, Float64)),
    gap_ns Tuple(n UInt64, min UInt64, max UInt64, buckets Map(Int16, Float64)),
    slowest Tuple(duration UInt64, trace_id FixedString(16)),
    failed Tuple(duration UInt64, trace_id FixedString(16)),
    typical Tuple(duration UInt64, trace_id FixedString(16)),
    first Tuple(minute UInt32, trace_id FixedString(16)),
    last Tuple(minute UInt32, trace_id FixedString(16)),
    named Float64,
    found Float64,
    INDEX servers server TYPE bloom_filter GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toYear(day)
ORDER BY (tenant, toStartOfMonth(day), client, server, connection, client_type, server_type, day, version)
SETTINGS index_granularity = 256, ttl_only_drop_parts = 1, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS edge_days
(
    tenant LowCardinality(String),
    day DateTime('UTC'),
    stamp UInt64,
    version UInt64
)
ENGINE = MergeTree
PARTITION BY toYear(day)
ORDER BY (tenant, day)
SETTINGS ttl_only_drop_parts = 1, fsync_after_insert = 1, fsync_part_directory = 1;

-- How far the rollup has come. Halves that arrived before `watermark` are in the rollup where their minute is before
-- `settled`; minutes from `settled` on are matched when they are asked for.
CREATE TABLE IF NOT EXISTS edge_progress
(
    id UInt8,
    watermark DateTime64(3, 'UTC'),
    settled DateTime('UTC'),
    version UInt64
)
ENGINE = ReplacingMergeTree(version)
ORDER BY id
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;
