SELECT
        e.client = {client:String} AND ({connection:String} = '' OR e.connection = {connection:String}) AS asked_for,
        e.connection::String AS connection,
        e.client_type::String AS client_type,
        multiIf(e.server_type::String IN ('service', 'external') AND e.server IN (SELECT service FROM resources WHERE tenant = {tenant:String}), 'service', e.server_type = 'service', 'external', e.server_type::String) AS server_type,
        if(asked_for, intDiv(toUnixTimestamp(e.minute) - {since:Int64}, {step_s:Int64}), 0) AS step,
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
    WHERE tenant = {tenant:String} AND ((minute >= toDateTime({minute_0_since:Int64}, 'UTC') AND minute < toDateTime({minute_0_until:Int64}, 'UTC') AND toStartOfHour(minute) >= toStartOfHour(toDateTime({minute_0_since:Int64}, 'UTC')) AND toStartOfHour(minute) <= toStartOfHour(toDateTime({minute_0_until:Int64}, 'UTC')))) AND client IN ({client:String}, '') AND server = {server:String}
        AND (minute, version) IN (
            SELECT minute, max(version) FROM edge_minutes
            WHERE tenant = {tenant:String} AND ((minute >= toDateTime({minute_0_since:Int64}, 'UTC') AND minute < toDateTime({minute_0_until:Int64}, 'UTC') AND toStartOfHour(minute) >= toStartOfHour(toDateTime({minute_0_since:Int64}, 'UTC')) AND toStartOfHour(minute) <= toStartOfHour(toDateTime({minute_0_until:Int64}, 'UTC'))))
            GROUP BY minute)
    ) AS e
    GROUP BY asked_for, connection, client_type, server_type, step
