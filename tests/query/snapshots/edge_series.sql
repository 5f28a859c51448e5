WITH 
    key -> if(key = -32768, 0, exp2(key / 32) * 1.0108300012533735) AS bucket_middle,
    (h, k, smallest, largest) -> least(greatest(
        bucket_middle(mapKeys(h)[arrayFirstIndex(c -> c > k, arrayCumSum(mapValues(h)))]),
        toFloat64(smallest)), toFloat64(largest)) AS order_statistic,
    (h, rank, smallest, largest) ->
        order_statistic(h, floor(rank), smallest, largest) + (rank - floor(rank))
        * (order_statistic(h, ceil(rank), smallest, largest) - order_statistic(h, floor(rank), smallest, largest))
        AS sketch_percentile,
    (limit, h) -> arraySum((key, n) -> if(bucket_middle(key) <= limit, n, 0), mapKeys(h), mapValues(h)) AS values_within

SELECT
    asked_for, connection, client_type, server_type, step, level, stored, calls, errors, retries, named, found,
    arraySum(mapValues(client_buckets)) AS client_calls,
    client_n, client_max, arrayMap(q -> round(sketch_percentile(client_buckets, (greatest(client_calls, 1) - 1) * q, client_min, client_max))::UInt64, [0.5, 0.9, 0.95, 0.99]) AS client_percentiles,
    arraySum(mapValues(server_buckets)) AS server_calls,
    server_n, server_max, arrayMap(q -> round(sketch_percentile(server_buckets, (greatest(server_calls, 1) - 1) * q, server_min, server_max))::UInt64, [0.5, 0.9, 0.95, 0.99]) AS server_percentiles,
    arraySum(mapValues(gap_buckets)) AS gap_calls,
    gap_n, gap_max, arrayMap(q -> round(sketch_percentile(gap_buckets, (greatest(gap_calls, 1) - 1) * q, gap_min, gap_max))::UInt64, [0.5, 0.9, 0.95, 0.99]) AS gap_percentiles,
    lower(hex(slowest.2)) AS slowest_trace,
    lower(hex(failed.2)) AS failed_trace,
    lower(hex(typical.2)) AS typical_trace
FROM
(
    SELECT
        asked_for, connection, client_type, server_type, step,
        multiIf(grouping(asked_for) = 1, 2, grouping(step) = 1, 1, 0) AS level,
        sum(m.stored) AS stored,
        sum(m.calls) AS calls,
        sum(m.errors) AS errors,
        sum(m.retries) AS retries,
        sum(m.named) AS named,
        sum(m.found) AS found,
        sum(m.client_n) AS client_n,
        minIf(m.client_min, m.client_n > 0) AS client_min,
        max(m.client_max) AS client_max,
        sumMap(m.client_buckets) AS client_buckets,
        sum(m.server_n) AS server_n,
        minIf(m.server_min, m.server_n > 0) AS server_min,
        max(m.server_max) AS server_max,
        sumMap(m.server_buckets) AS server_buckets,
        sum(m.gap_n) AS gap_n,
        minIf(m.gap_min, m.gap_n > 0) AS gap_min,
        max(m.gap_max) AS gap_max,
        sumMap(m.gap_buckets) AS gap_buckets,
        max(m.slowest) AS slowest,
        max(m.failed) AS failed,
        max(m.typical) AS typical
    FROM (
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
        sumMap(e.client_ns.buckets) AS client_buckets,
        sum(e.server_ns.n) AS server_n,
        minIf(e.server_ns.min, e.server_ns.n > 0) AS server_min,
        max(e.server_ns.max) AS server_max,
        sumMap(e.server_ns.buckets) AS server_buckets,
        sum(e.gap_ns.n) AS gap_n,
        minIf(e.gap_ns.min, e.gap_ns.n > 0) AS gap_min,
        max(e.gap_ns.max) AS gap_max,
        sumMap(e.gap_ns.buckets) AS gap_buckets,
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
    ) AS m
    GROUP BY GROUPING SETS ((asked_for, connection, client_type, server_type, step), (asked_for, connection, client_type, server_type), ())
)
ORDER BY level, asked_for, connection, client_type, server_type, step
