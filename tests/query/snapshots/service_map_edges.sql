SELECT
        e.client::String AS client,
        e.client_type::String AS client_type,
        e.server::String AS server,
        e.server_type::String AS server_type,
        e.connection::String AS connection,
        sum(e.stored) AS stored,
        sum(e.calls) AS calls,
        sum(e.errors) AS errors,
        sum(e.retries) AS retries,
        sum(e.named) AS named,
        sum(e.found) AS found,
        sum(e.client_ns.n) AS client_n,
        minIf(e.client_ns.min, e.client_ns.n > 0) AS client_min,
        max(e.client_ns.max) AS client_max,
        base64Encode(formatRow('RowBinary', sumMap(e.client_ns.buckets))) AS client_buckets,
        sum(e.server_ns.n) AS server_n,
        minIf(e.server_ns.min, e.server_ns.n > 0) AS server_min,
        max(e.server_ns.max) AS server_max,
        base64Encode(formatRow('RowBinary', sumMap(e.server_ns.buckets))) AS server_buckets,
        sum(e.gap_ns.n) AS gap_n,
        minIf(e.gap_ns.min, e.gap_ns.n > 0) AS gap_min,
        max(e.gap_ns.max) AS gap_max,
        base64Encode(formatRow('RowBinary', sumMap(e.gap_ns.buckets))) AS gap_buckets,
        max(e.slowest) AS slowest,
        max(e.failed) AS failed,
        max((e.stored, e.typical.2)) AS typical
    FROM (
    SELECT minute, client, client_type, server, server_type, connection, stored, calls, errors, retries, client_ns, server_ns, gap_ns, slowest, failed, typical, named, found, (toUnixTimestamp(minute), typical.2) AS first, (toUnixTimestamp(minute), typical.2) AS last FROM service_edges_1m
    WHERE tenant = {tenant:String} AND ((minute >= toDateTime({minute_0_since:Int64}, 'UTC') AND minute < toDateTime({minute_0_until:Int64}, 'UTC') AND toStartOfHour(minute) >= toStartOfHour(toDateTime({minute_0_since:Int64}, 'UTC')) AND toStartOfHour(minute) <= toStartOfHour(toDateTime({minute_0_until:Int64}, 'UTC')))) AND true
        AND (minute, version) IN (
            SELECT minute, max(version) FROM edge_minutes
            WHERE tenant = {tenant:String} AND ((minute >= toDateTime({minute_0_since:Int64}, 'UTC') AND minute < toDateTime({minute_0_until:Int64}, 'UTC') AND toStartOfHour(minute) >= toStartOfHour(toDateTime({minute_0_since:Int64}, 'UTC')) AND toStartOfHour(minute) <= toStartOfHour(toDateTime({minute_0_until:Int64}, 'UTC'))))
            GROUP BY minute)
    UNION ALL
    SELECT hour AS minute, client, client_type, server, server_type, connection, stored, calls, errors, retries, client_ns, server_ns, gap_ns, slowest, failed, typical, named, found, first, last FROM service_edges_1h
    WHERE tenant = {tenant:String} AND ((hour >= toDateTime({hour_0_since:Int64}, 'UTC') AND hour < toDateTime({hour_0_until:Int64}, 'UTC') AND toStartOfDay(hour) >= toStartOfDay(toDateTime({hour_0_since:Int64}, 'UTC')) AND toStartOfDay(hour) <= toStartOfDay(toDateTime({hour_0_until:Int64}, 'UTC')))) AND true
        AND (hour, version) IN (
            SELECT hour, argMax(version, (stamp, version)) FROM edge_hours
            WHERE tenant = {tenant:String} AND ((hour >= toDateTime({hour_0_since:Int64}, 'UTC') AND hour < toDateTime({hour_0_until:Int64}, 'UTC') AND toStartOfDay(hour) >= toStartOfDay(toDateTime({hour_0_since:Int64}, 'UTC')) AND toStartOfDay(hour) <= toStartOfDay(toDateTime({hour_0_until:Int64}, 'UTC'))))
            GROUP BY hour)
    UNION ALL
    SELECT day AS minute, client, client_type, server, server_type, connection, stored, calls, errors, retries, client_ns, server_ns, gap_ns, slowest, failed, typical, named, found, first, last FROM service_edges_1d
    WHERE tenant = {tenant:String} AND ((day >= toDateTime({day_0_since:Int64}, 'UTC') AND day < toDateTime({day_0_until:Int64}, 'UTC') AND toStartOfMonth(day) >= toStartOfMonth(toDateTime({day_0_since:Int64}, 'UTC')) AND toStartOfMonth(day) <= toStartOfMonth(toDateTime({day_0_until:Int64}, 'UTC')))) AND true
        AND (day, version) IN (
            SELECT day, argMax(version, (stamp, version)) FROM edge_days
            WHERE tenant = {tenant:String} AND ((day >= toDateTime({day_0_since:Int64}, 'UTC') AND day < toDateTime({day_0_until:Int64}, 'UTC') AND toStartOfMonth(day) >= toStartOfMonth(toDateTime({day_0_since:Int64}, 'UTC')) AND toStartOfMonth(day) <= toStartOfMonth(toDateTime({day_0_until:Int64}, 'UTC'))))
            GROUP BY day)
    UNION ALL
    SELECT minute, client, client_type, server, server_type, connection, stored, calls, errors, retries, client_ns, server_ns, gap_ns, slowest, failed, typical, named, found, (toUnixTimestamp(minute), typical.2) AS first, (toUnixTimestamp(minute), typical.2) AS last FROM (-- The edges that the calls of [since, until) make up, by minute and with the columns of service_edges_1m; see calls.sql.
WITH
    d -> if(d <= 0, -32768, ceil(log2(greatest(d, 1)) * 32) - 1)::Int16 AS bucket
SELECT
    minute,
    client,
    client_type,
    server,
    server_type,
    connection,
    countIf(one.calls = 1) AS stored,
    sumIf(adjusted_count, one.calls = 1) AS calls,
    sumIf(adjusted_count, one.calls = 1 AND error) AS errors,
    sumIf(adjusted_count, one.calls = 1 AND retry) AS retries,
    (countIf(one.client_ns >= 0), minIf(one.client_ns, one.client_ns >= 0), maxIf(one.client_ns, one.client_ns >= 0), sumMapIf(map(bucket(one.client_ns), one.adjusted_count), one.client_ns >= 0))
        ::Tuple(n UInt64, min UInt64, max UInt64, buckets Map(Int16, Float64)) AS client_ns,
    (countIf(one.server_ns >= 0), minIf(one.server_ns, one.server_ns >= 0), maxIf(one.server_ns, one.server_ns >= 0), sumMapIf(map(bucket(one.server_ns), one.adjusted_count), one.server_ns >= 0))
        ::Tuple(n UInt64, min UInt64, max UInt64, buckets Map(Int16, Float64)) AS server_ns,
    (countIf(one.gap_ns >= 0), minIf(one.gap_ns, one.gap_ns >= 0), maxIf(one.gap_ns, one.gap_ns >= 0), sumMapIf(map(bucket(one.gap_ns), one.adjusted_count), one.gap_ns >= 0))
        ::Tuple(n UInt64, min UInt64, max UInt64, buckets Map(Int16, Float64)) AS gap_ns,
    maxIf((took, trace_id), one.calls = 1)::Tuple(duration UInt64, trace_id FixedString(16)) AS slowest,
    maxIf((took, trace_id), one.calls = 1 AND error)::Tuple(duration UInt64, trace_id FixedString(16)) AS failed,
    quantileExactLowIf(0.5)(took, one.calls = 1) AS median,
    arrayMin(arrayFilter(call -> call.1 = median, groupArrayIf((took, trace_id), one.calls = 1)))::Tuple(duration UInt64, trace_id FixedString(16)) AS typical,
    sumIf(one.callee_count, one.named = 1) AS named,
    sumIf(one.callee_count, one.found = 1) AS found,
    sum(one.missing) AS missing
FROM (-- The calls of the minutes in [since, until), one row each, from halves that started at most `lookback` minutes apart. It is the
-- one definition of a call: the rollup and the live end of the map both use it.
--   calls      1, or 0 for a row that only adds a time in queue to a call that another row counts
--   client_ns  how long the caller saw it take, server_ns the callee, gap_ns the difference; for messaging the time in queue
--              (-1: not known)
--   took       the callee's duration, or the caller's where no callee is known
--   named      1 for a SERVER or CONSUMER span that names a parent, found 1 where that parent is stored
--   missing    1 for a callee of any kind whose parent is not stored (yet)
--   adjusted_count  how many calls it stands for. A call that takes both spans to tell is as rare as the rarer of the two
--              (docs/adr/0009); any other has that of the span that tells it, a message that came by a link its receiver's
--   callee_count    how many spans the callee's stands for; 0 without one
-- A row without a client is no call; it is there for these counts.
-- Expressions are computed level by level, because the engine copies an alias wherever it is used, and reading the statement
-- then takes longer than running it.
WITH
    callees AS
    (
        SELECT side, minute, key, ts, service, kind, duration, error, root, peer, trace_id, resource_id, adjusted_count FROM call_halves
        WHERE tenant = {tenant:String} AND side != 'caller' AND minute >= toDateTime({live:Int64}, 'UTC') AND minute < toDateTime({until:Int64}, 'UTC')
    ),
    callers_in_reach AS MATERIALIZED
    (
        SELECT key, ts, minute, service, kind, duration, error, retry, peer_type, peer, resource_id, adjusted_count, 1::UInt8 AS there FROM call_halves
        WHERE tenant = {tenant:String} AND side = 'caller'
            AND minute >= toDateTime({live:Int64}, 'UTC') - toIntervalMinute({lookback:UInt32})
            AND minute < toDateTime({until:Int64}, 'UTC') + toIntervalMinute({lookback:UInt32})
            AND key IN (SELECT key FROM call_halves WHERE tenant = {tenant:String} AND side != 'caller' AND minute >= toDateTime({live:Int64}, 'UTC') AND minute < toDateTime({until:Int64}, 'UTC'))
    ),
    parents_in_reach AS
    (
        SELECT cityHash64(trace_id, span_id) AS key, toStartOfMinute(ts)::DateTime('UTC') AS minute, service, resource_id, adjusted_count, 1::UInt8 AS there FROM spans
        WHERE tenant = {tenant:String} AND kind NOT IN ('client', 'producer')
            AND ts >= toDateTime({live:Int64}, 'UTC') - toIntervalMinute({lookback:UInt32})
            AND ts < toDateTime({until:Int64}, 'UTC') + toIntervalMinute({lookback:UInt32})
            AND trace_id IN (
                SELECT trace_id FROM call_halves
                WHERE tenant = {tenant:String} AND side = 'callee' AND NOT root AND minute >= toDateTime({live:Int64}, 'UTC') AND minute < toDateTime({until:Int64}, 'UTC')
                    AND key NOT IN (SELECT key FROM callers_in_reach))
    )
SELECT
    minute,
    multiIf(through != '', through, from_caller, caller_service, from_parent, parent_service, root AND kind = 'server', 'user', '') AS client,
    multiIf(through != '', 'messaging', from_caller OR from_parent, 'service', root AND kind = 'server', 'user', 'none') AS client_type,
    service AS server,
    'service' AS server_type,
    multiIf(kind = 'consumer' OR by_message, 'messaging', from_caller OR kind = 'server', 'rpc', 'internal') AS connection,
    if(linked, peer = '', client_type != 'none')::UInt8 AS calls,
    error OR (seen AND caller_error AND NOT linked) AS error,
    (seen AND caller_retry AND NOT linked) AS retry,
    if(seen, caller_duration::Int64, -1) AS client_ns,
    if(linked AND peer != '', -1, duration::Int64) AS server_ns,
    multiIf(by_message, greatest(0, toUnixTimestamp64Nano(ts) - toUnixTimestamp64Nano(caller_ts) - caller_duration::Int64),
        seen, greatest(0, caller_duration::Int64 - duration::Int64), -1) AS gap_ns,
    duration AS took,
    (NOT linked AND kind IN ('server', 'consumer') AND NOT root)::UInt8 AS named,
    (named AND (near_caller OR near_parent))::UInt8 AS found,
    (NOT linked AND NOT root AND NOT near_caller AND NOT near_parent)::UInt8 AS missing,
    trace_id,
    multiIf(through != '', 0, from_caller, caller_resource, from_parent, parent_resource, 0) AS client_resource,
    resource_id AS server_resource,
    multiIf(linked OR peer != '', adjusted_count, from_caller, greatest(adjusted_count, caller_adjusted_count),
        from_parent, greatest(adjusted_count, parent_adjusted_count), adjusted_count) AS adjusted_count,
    callee_count
FROM
(
    SELECT
        callee.side = 'link' AS linked, callee.minute AS minute, callee.ts AS ts, callee.service AS service, callee.kind AS kind, callee.duration AS duration,
        callee.error AS error, callee.root AS root, callee.peer AS peer, callee.trace_id AS trace_id, callee.resource_id AS resource_id, callee.adjusted_count AS adjusted_count, callee.adjusted_count AS callee_count,
        caller.ts AS caller_ts, caller.service AS caller_service, caller.duration AS caller_duration, caller.error AS caller_error, caller.retry AS caller_retry, caller.resource_id AS caller_resource,
        caller.adjusted_count AS caller_adjusted_count,
        parent.service AS parent_service, parent.resource_id AS parent_resource, parent.adjusted_count AS parent_adjusted_count,
        caller.there = 1 AND abs(dateDiff('minute', caller.minute, callee.minute)) <= {lookback:UInt32} AS near_caller,
        parent.there = 1 AND abs(dateDiff('minute', parent.minute, callee.minute)) <= {lookback:UInt32} AS near_parent,
        near_caller AND (callee.kind IN ('server', 'consumer') OR caller.service != callee.service) AS from_caller,
        near_parent AND NOT near_caller AND parent.service != callee.service AS from_parent,
        from_caller AND caller.kind = 'producer' AS by_message,
        multiIf(callee.peer != '', callee.peer, by_message AND caller.peer_type = 'messaging', caller.peer, '') AS through,
        through = '' AND from_caller AS seen
    FROM callees AS callee
    ANY LEFT JOIN callers_in_reach AS caller ON callee.key = caller.key
    ANY LEFT JOIN parents_in_reach AS parent ON callee.key = parent.key
)
WHERE NOT linked OR by_message

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
    caller.duration AS took,
    0 AS named,
    0 AS found,
    0 AS missing,
    caller.trace_id AS trace_id,
    caller.resource_id AS client_resource,
    0 AS server_resource,
    caller.adjusted_count AS adjusted_count,
    0 AS callee_count
FROM
(
    SELECT minute, key, service, kind, duration, error, retry, peer_type, peer, trace_id, resource_id, adjusted_count FROM call_halves
    WHERE tenant = {tenant:String} AND side = 'caller' AND minute >= toDateTime({live:Int64}, 'UTC') AND minute < toDateTime({until:Int64}, 'UTC') AND peer != ''
) AS caller
LEFT ANTI JOIN
(
    SELECT key, minute, service, kind FROM call_halves
    WHERE tenant = {tenant:String} AND side != 'caller'
        AND minute >= toDateTime({live:Int64}, 'UTC') - toIntervalMinute({lookback:UInt32})
        AND minute < toDateTime({until:Int64}, 'UTC') + toIntervalMinute({lookback:UInt32})
        AND key IN (SELECT key FROM call_halves WHERE tenant = {tenant:String} AND side = 'caller' AND minute >= toDateTime({live:Int64}, 'UTC') AND minute < toDateTime({until:Int64}, 'UTC') AND peer != '')
) AS answer
    ON caller.key = answer.key
    AND abs(dateDiff('minute', answer.minute, caller.minute)) <= {lookback:UInt32}
    AND (answer.kind IN ('server', 'consumer') OR answer.service != caller.service)
    AND NOT (caller.kind = 'producer' AND caller.peer_type = 'messaging')
) AS one
GROUP BY minute, client, client_type, server, server_type, connection
)
    WHERE true
    ) AS e
    GROUP BY client, client_type, server, server_type, connection
