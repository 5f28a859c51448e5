-- Calls between services: both halves of each call as they arrive, and the calls that they make up (docs/adr/0007).

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
    arrived DateTime64(3, 'UTC') DEFAULT now64(3) CODEC(Delta, ZSTD(1)),
    INDEX arrivals arrived TYPE minmax GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toDate(minute)
ORDER BY (tenant, side, minute, trace_id)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS callers_mv TO call_halves AS
WITH
    attributes['db.system.name'] AS db, attributes['db.system'] AS old_db,
    attributes['messaging.destination.name'] AS destination, attributes['messaging.destination'] AS old_destination,
    attributes['server.address'] AS host, attributes['net.peer.name'] AS old_host
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
        host != '' OR old_host != '', 'external',
        'none') AS peer_type,
    multiIf(
        peer_type = 'messaging', if(destination != '', destination, old_destination),
        attributes['peer.service'] != '', attributes['peer.service'],
        peer_type = 'database', concat(if(db != '', db, old_db), if((coalesce(nullIf(attributes['db.namespace'], ''), attributes['db.name']) AS namespace) = '', '', concat(':', namespace))),
        host != '', host,
        old_host) AS peer,
    trace_id,
    resource_id
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
    resource_id
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
    resource_id
FROM
(
    SELECT tenant, ts, service, kind, duration, status = 'error' AS error, parent_span_id = toFixedString('', 8) AS root,
        if(attributes['messaging.destination.name'] != '', attributes['messaging.destination.name'], attributes['messaging.destination']) AS peer,
        if(peer = '', 'none', 'messaging') AS peer_type, trace_id, resource_id,
        arrayJoin(arrayDistinct(arrayFilter(l -> length(l.1) = 16 AND length(l.2) = 8 AND (l.1, l.2) != (trace_id, parent_span_id), arrayZip(links.trace_id, links.span_id)))) AS link
    FROM spans
    WHERE kind = 'consumer' AND notEmpty(links)
);

-- The calls of the minutes in [since, until), one row each, from halves that started at most `lookback` minutes apart. It is the
-- one definition of a call; the rollup and the live end of the map both read it.
--   calls      1, or 0 for a row that only adds a time in queue to a call that another row counts
--   client_ns  how long the caller saw it take, server_ns the callee, gap_ns the difference; for messaging the time in queue
--              (-1: not known)
--   named      1 for a SERVER or CONSUMER span that names a parent, found 1 where that parent is stored
--   missing    1 for a callee of any kind whose parent is not stored (yet)
-- A row without a client is no call; it is there for these counts.
CREATE VIEW IF NOT EXISTS calls AS
WITH
    callees AS
    (
        SELECT * FROM call_halves
        WHERE tenant = {tenant:String} AND side = 'callee' AND minute >= {since:DateTime('UTC')} AND minute < {until:DateTime('UTC')}
    ),
    links AS
    (
        SELECT * FROM call_halves
        WHERE tenant = {tenant:String} AND side = 'link' AND minute >= {since:DateTime('UTC')} AND minute < {until:DateTime('UTC')}
    ),
    callers AS
    (
        SELECT * FROM call_halves
        WHERE tenant = {tenant:String} AND side = 'caller' AND minute >= {since:DateTime('UTC')} AND minute < {until:DateTime('UTC')}
    ),
    callers_in_reach AS
    (
        SELECT key, ts, minute, service, kind, duration, error, retry, peer_type, peer, resource_id, 1 AS there FROM call_halves
        WHERE tenant = {tenant:String} AND side = 'caller'
            AND minute >= {since:DateTime('UTC')} - toIntervalMinute({lookback:UInt32})
            AND minute < {until:DateTime('UTC')} + toIntervalMinute({lookback:UInt32})
            AND key IN (SELECT key FROM call_halves WHERE tenant = {tenant:String} AND side IN ('callee', 'link') AND minute >= {since:DateTime('UTC')} AND minute < {until:DateTime('UTC')})
    ),
    parents_in_reach AS
    (
        SELECT cityHash64(trace_id, span_id) AS key, toStartOfMinute(ts)::DateTime('UTC') AS minute, service, resource_id, 1 AS there FROM spans
        WHERE tenant = {tenant:String} AND kind NOT IN ('client', 'producer')
            AND ts >= {since:DateTime('UTC')} - toIntervalMinute({lookback:UInt32})
            AND ts < {until:DateTime('UTC')} + toIntervalMinute({lookback:UInt32})
            AND trace_id IN (SELECT trace_id FROM callees WHERE NOT root AND key NOT IN (SELECT key FROM callers_in_reach))
    )
SELECT
    callee.minute AS minute,
    multiIf(
        through != '', through,
        from_caller, caller.service,
        from_parent, parent.service,
        callee.root AND callee.kind = 'server', 'user',
        '') AS client,
    multiIf(through != '', 'messaging', client = '', 'none', from_caller OR from_parent, 'service', 'user') AS client_type,
    callee.service AS server,
    'service' AS server_type,
    multiIf(callee.kind = 'consumer' OR by_message, 'messaging', from_caller OR callee.kind = 'server', 'rpc', 'internal') AS connection,
    (client != '')::UInt8 AS calls,
    callee.error OR (through = '' AND from_caller AND caller.error) AS error,
    (through = '' AND from_caller AND caller.retry) AS retry,
    if(through = '' AND from_caller, caller.duration::Int64, -1) AS client_ns,
    callee.duration::Int64 AS server_ns,
    multiIf(
        by_message, greatest(0, toUnixTimestamp64Nano(callee.ts) - toUnixTimestamp64Nano(caller.ts) - caller.duration::Int64),
        from_caller AND through = '', greatest(0, caller.duration::Int64 - callee.duration::Int64),
        -1) AS gap_ns,
    (callee.kind IN ('server', 'consumer') AND NOT callee.root)::UInt8 AS named,
    (named AND (near_caller OR near_parent))::UInt8 AS found,
    (NOT callee.root AND NOT near_caller AND NOT near_parent)::UInt8 AS missing,
    callee.trace_id AS trace_id,
    multiIf(through != '', 0, from_caller, caller.resource_id, from_parent, parent.resource_id, 0) AS client_resource,
    callee.resource_id AS server_resource,
    (caller.there = 1 AND abs(dateDiff('minute', caller.minute, callee.minute)) <= {lookback:UInt32}) AS near_caller,
    (parent.there = 1 AND abs(dateDiff('minute', parent.minute, callee.minute)) <= {lookback:UInt32}) AS near_parent,
    (near_caller AND (callee.kind IN ('server', 'consumer') OR caller.service != callee.service)) AS from_caller,
    (near_parent AND NOT near_caller AND parent.service != callee.service) AS from_parent,
    (from_caller AND caller.kind = 'producer') AS by_message,
    multiIf(callee.peer != '', callee.peer, by_message AND caller.peer_type = 'messaging', caller.peer, '') AS through
FROM callees AS callee
ANY LEFT JOIN callers_in_reach AS caller ON callee.key = caller.key
ANY LEFT JOIN parents_in_reach AS parent ON callee.key = parent.key

UNION ALL

SELECT
    link.minute AS minute,
    multiIf(through != '', through, caller.service) AS client,
    if(through != '', 'messaging', 'service') AS client_type,
    link.service AS server,
    'service' AS server_type,
    'messaging' AS connection,
    (link.peer = '')::UInt8 AS calls,
    link.error AS error,
    false AS retry,
    if(through = '', caller.duration::Int64, -1) AS client_ns,
    if(link.peer = '', link.duration::Int64, -1) AS server_ns,
    greatest(0, toUnixTimestamp64Nano(link.ts) - toUnixTimestamp64Nano(caller.ts) - caller.duration::Int64) AS gap_ns,
    0 AS named,
    0 AS found,
    0 AS missing,
    link.trace_id AS trace_id,
    if(through != '', 0, caller.resource_id) AS client_resource,
    link.resource_id AS server_resource,
    true AS near_caller,
    false AS near_parent,
    true AS from_caller,
    false AS from_parent,
    true AS by_message,
    multiIf(link.peer != '', link.peer, caller.peer_type = 'messaging', caller.peer, '') AS through
FROM links AS link
ANY LEFT JOIN callers_in_reach AS caller ON link.key = caller.key
WHERE caller.there = 1 AND caller.kind = 'producer' AND abs(dateDiff('minute', caller.minute, link.minute)) <= {lookback:UInt32}

UNION ALL

SELECT
    caller.minute AS minute,
    caller.service AS client,
    'service' AS client_type,
    caller.peer AS server,
    caller.peer_type AS server_type,
    multiIf(caller.peer_type = 'messaging', 'messaging', caller.peer_type = 'database', 'database', 'external') AS connection,
    1 AS calls,
    caller.error AS error,
    caller.retry AS retry,
    caller.duration::Int64 AS client_ns,
    -1 AS server_ns,
    -1 AS gap_ns,
    0 AS named,
    0 AS found,
    0 AS missing,
    caller.trace_id AS trace_id,
    caller.resource_id AS client_resource,
    0 AS server_resource,
    false AS near_caller,
    false AS near_parent,
    false AS from_caller,
    false AS from_parent,
    false AS by_message,
    '' AS through
FROM callers AS caller
ANY LEFT JOIN
(
    SELECT key, groupArray((minute, service, kind IN ('server', 'consumer'))) AS found FROM call_halves
    WHERE tenant = {tenant:String} AND side IN ('callee', 'link')
        AND minute >= {since:DateTime('UTC')} - toIntervalMinute({lookback:UInt32})
        AND minute < {until:DateTime('UTC')} + toIntervalMinute({lookback:UInt32})
        AND key IN (SELECT key FROM callers)
    GROUP BY key
) AS answered ON caller.key = answered.key
WHERE caller.peer != ''
    AND (
        (caller.kind = 'producer' AND caller.peer_type = 'messaging')
        OR NOT arrayExists(c -> abs(dateDiff('minute', c.1, caller.minute)) <= {lookback:UInt32} AND (c.3 OR c.2 != caller.service), answered.found)
    );

-- Edges by minute: what `calls` gives for a minute, grouped. A minute is computed as a whole, under a version of its own, and
-- counts once `edge_minutes` names that version: readers see the old minute or the new one. Latencies are sketches as in
-- red_1m, with the number and the bounds of the values. slowest, failed and typical are traces to look at, each with the
-- callee's duration, or the caller's where there is no callee; an id of zeros where there is none. Rows without a client
-- only carry named, found and missing.
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
    calls UInt64,
    errors UInt64,
    retries UInt64,
    client_ns Tuple(n UInt64, min UInt64, max UInt64, buckets Map(Int16, UInt64)),
    server_ns Tuple(n UInt64, min UInt64, max UInt64, buckets Map(Int16, UInt64)),
    gap_ns Tuple(n UInt64, min UInt64, max UInt64, buckets Map(Int16, UInt64)),
    slowest Tuple(duration UInt64, trace_id FixedString(16)),
    failed Tuple(duration UInt64, trace_id FixedString(16)),
    typical Tuple(duration UInt64, trace_id FixedString(16)),
    named UInt64,
    found UInt64,
    missing UInt64
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(minute)
ORDER BY (tenant, toStartOfHour(minute), client, server, connection, client_type, server_type, minute, version)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

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
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

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

-- The edges that the calls of [since, until) make up, by minute and with the columns of service_edges_1m; see `calls`.
CREATE VIEW IF NOT EXISTS matched_edges AS
WITH
    d -> if(d <= 0, -32768, ceil(log2(greatest(d, 1)) * 32) - 1)::Int16 AS bucket
SELECT
    minute,
    client,
    client_type,
    server,
    server_type,
    connection,
    sum(one.calls) AS calls,
    countIf(one.calls = 1 AND error) AS errors,
    countIf(one.calls = 1 AND retry) AS retries,
    (countIf(one.client_ns >= 0), minIf(one.client_ns, one.client_ns >= 0), maxIf(one.client_ns, one.client_ns >= 0), sumMapIf(map(bucket(one.client_ns), 1::UInt64), one.client_ns >= 0))
        ::Tuple(n UInt64, min UInt64, max UInt64, buckets Map(Int16, UInt64)) AS client_ns,
    (countIf(one.server_ns >= 0), minIf(one.server_ns, one.server_ns >= 0), maxIf(one.server_ns, one.server_ns >= 0), sumMapIf(map(bucket(one.server_ns), 1::UInt64), one.server_ns >= 0))
        ::Tuple(n UInt64, min UInt64, max UInt64, buckets Map(Int16, UInt64)) AS server_ns,
    (countIf(one.gap_ns >= 0), minIf(one.gap_ns, one.gap_ns >= 0), maxIf(one.gap_ns, one.gap_ns >= 0), sumMapIf(map(bucket(one.gap_ns), 1::UInt64), one.gap_ns >= 0))
        ::Tuple(n UInt64, min UInt64, max UInt64, buckets Map(Int16, UInt64)) AS gap_ns,
    arraySort(groupArrayIf((if(one.server_ns < 0, one.client_ns, one.server_ns), trace_id, error), one.calls = 1)) AS by_duration,
    (by_duration[-1].1, by_duration[-1].2)::Tuple(duration UInt64, trace_id FixedString(16)) AS slowest,
    (arrayLast(call -> call.3, by_duration).1, arrayLast(call -> call.3, by_duration).2)::Tuple(duration UInt64, trace_id FixedString(16)) AS failed,
    (by_duration[intDiv(length(by_duration) + 1, 2)].1, by_duration[intDiv(length(by_duration) + 1, 2)].2)::Tuple(duration UInt64, trace_id FixedString(16)) AS typical,
    sum(one.named) AS named,
    sum(one.found) AS found,
    sum(one.missing) AS missing
FROM calls(tenant = {tenant:String}, since = {since:DateTime('UTC')}, until = {until:DateTime('UTC')}, lookback = {lookback:UInt32}) AS one
GROUP BY minute, client, client_type, server, server_type, connection;
