-- Bound: tenant; since and until, unix seconds at whole minutes; lookback, minutes.
--
-- The calls of the minutes in [since, until), one row each, from halves that started at most `lookback` minutes apart. It is the
-- one definition of a call; the rollup and the live end of the map both read it.
--   calls      1, or 0 for a row that only adds a time in queue to a call that another row counts
--   client_ns  how long the caller saw it take, server_ns the callee, gap_ns the difference; for messaging the time in queue
--              (-1: not known)
--   named      1 for a SERVER or CONSUMER span that names a parent, found 1 where that parent is stored
--   missing    1 for a callee of any kind whose parent is not stored (yet)
-- A row without a client is no call; it is there for these counts.
WITH
    callees AS
    (
        SELECT * FROM call_halves
        WHERE tenant = {tenant:String} AND side = 'callee' AND minute >= toDateTime({since:Int64}, 'UTC') AND minute < toDateTime({until:Int64}, 'UTC')
    ),
    links AS
    (
        SELECT * FROM call_halves
        WHERE tenant = {tenant:String} AND side = 'link' AND minute >= toDateTime({since:Int64}, 'UTC') AND minute < toDateTime({until:Int64}, 'UTC')
    ),
    callers AS
    (
        SELECT * FROM call_halves
        WHERE tenant = {tenant:String} AND side = 'caller' AND minute >= toDateTime({since:Int64}, 'UTC') AND minute < toDateTime({until:Int64}, 'UTC')
    ),
    callers_in_reach AS
    (
        SELECT key, ts, minute, service, kind, duration, error, retry, peer_type, peer, resource_id, 1 AS there FROM call_halves
        WHERE tenant = {tenant:String} AND side = 'caller'
            AND minute >= toDateTime({since:Int64}, 'UTC') - toIntervalMinute({lookback:UInt32})
            AND minute < toDateTime({until:Int64}, 'UTC') + toIntervalMinute({lookback:UInt32})
            AND key IN (SELECT key FROM call_halves WHERE tenant = {tenant:String} AND side IN ('callee', 'link') AND minute >= toDateTime({since:Int64}, 'UTC') AND minute < toDateTime({until:Int64}, 'UTC'))
    ),
    parents_in_reach AS
    (
        SELECT cityHash64(trace_id, span_id) AS key, toStartOfMinute(ts)::DateTime('UTC') AS minute, service, resource_id, 1 AS there FROM spans
        WHERE tenant = {tenant:String} AND kind NOT IN ('client', 'producer')
            AND ts >= toDateTime({since:Int64}, 'UTC') - toIntervalMinute({lookback:UInt32})
            AND ts < toDateTime({until:Int64}, 'UTC') + toIntervalMinute({lookback:UInt32})
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
        AND minute >= toDateTime({since:Int64}, 'UTC') - toIntervalMinute({lookback:UInt32})
        AND minute < toDateTime({until:Int64}, 'UTC') + toIntervalMinute({lookback:UInt32})
        AND key IN (SELECT key FROM callers)
    GROUP BY key
) AS answered ON caller.key = answered.key
WHERE caller.peer != ''
    AND (
        (caller.kind = 'producer' AND caller.peer_type = 'messaging')
        OR NOT arrayExists(c -> abs(dateDiff('minute', c.1, caller.minute)) <= {lookback:UInt32} AND (c.3 OR c.2 != caller.service), answered.found)
    )
