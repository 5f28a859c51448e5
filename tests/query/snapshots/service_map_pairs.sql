SELECT
    client,
    server,
    connection,
    count() AS calls,
    countIf(parent_status = 'error' OR child_status = 'error') AS errors,
    countIf(client = '' AND child_kind IN ('server', 'consumer')) AS missing,
    countIf(parent_kind IN ('client', 'producer')) AS client_n,
    countIf(parent_kind = 'client' AND connection = 'rpc') AS gap_n,
    arrayMap(v -> if(isFinite(v), round(v), 0)::UInt64, quantilesExactInclusiveIf(0.5, 0.9, 0.95, 0.99)(parent_duration, parent_kind IN ('client', 'producer'))) AS client_percentiles,
    arrayMap(v -> if(isFinite(v), round(v), 0)::UInt64, quantilesExactInclusive(0.5, 0.9, 0.95, 0.99)(child_duration)) AS server_percentiles,
    arrayMap(v -> if(isFinite(v), round(v), 0)::UInt64, quantilesExactInclusiveIf(0.5, 0.9, 0.95, 0.99)(greatest(parent_duration, child_duration) - child_duration, parent_kind = 'client' AND connection = 'rpc')) AS gap_percentiles,
    lower(hex((arraySort(groupArray((child_duration, trace))) AS by_duration)[-1].2)) AS slowest,
    lower(hex(by_duration[intDiv(calls + 1, 2)].2)) AS typical,
    lower(hex(minIf(trace, parent_status = 'error' OR child_status = 'error'))) AS failed
FROM
(
    SELECT
        parent.service AS client,
        child.service AS server,
        multiIf(parent.kind = 'producer' OR child.kind = 'consumer', 'messaging',
                parent.kind = 'client' OR child.kind = 'server', 'rpc', 'internal') AS connection,
        parent.kind AS parent_kind,
        child.kind AS child_kind,
        parent.status AS parent_status,
        child.status AS child_status,
        parent.duration AS parent_duration,
        child.duration AS child_duration,
        child.trace_id AS trace
    FROM
    (
        SELECT cityHash64(trace_id, span_id) AS key, service, kind, status, duration
        FROM spans
        WHERE tenant = {tenant:String} AND ts >= fromUnixTimestamp64Nano({reach_from:Int64}, 'UTC') AND ts < fromUnixTimestamp64Nano({reach_to:Int64}, 'UTC')
    ) AS parent
    RIGHT JOIN
    (
        SELECT cityHash64(trace_id, parent_span_id) AS key, service, kind, status, duration, trace_id
        FROM spans
        WHERE tenant = {tenant:String} AND ts >= fromUnixTimestamp64Nano({from:Int64}, 'UTC') AND ts < fromUnixTimestamp64Nano({to:Int64}, 'UTC') AND parent_span_id != toFixedString('', 8) AND bitAnd(marks, 8) = 0
    ) AS child
    ON parent.key = child.key
    WHERE parent.service != child.service
)
GROUP BY client, server, connection
ORDER BY client, server, connection
SETTINGS join_algorithm = 'hash'
