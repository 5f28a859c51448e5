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
    client, client_type, server, server_type, connection, level, calls, errors, retries, named, found,
    client_n, client_max, arrayMap(q -> round(sketch_percentile(client_buckets, (greatest(client_n, 1) - 1) * q, client_min, client_max))::UInt64, [0.5, 0.9, 0.95, 0.99]) AS client_percentiles,
    server_n, server_max, arrayMap(q -> round(sketch_percentile(server_buckets, (greatest(server_n, 1) - 1) * q, server_min, server_max))::UInt64, [0.5, 0.9, 0.95, 0.99]) AS server_percentiles,
    gap_n, gap_max, arrayMap(q -> round(sketch_percentile(gap_buckets, (greatest(gap_n, 1) - 1) * q, gap_min, gap_max))::UInt64, [0.5, 0.9, 0.95, 0.99]) AS gap_percentiles,
    earliest.1 AS first_minute, lower(hex(earliest.2)) AS first_trace,
    latest.1 AS last_minute, lower(hex(latest.2)) AS last_trace,
    lower(hex(slowest.2)) AS slowest_trace,
    lower(hex(failed.2)) AS failed_trace,
    if(server_n > 0, server_percentiles[1], client_percentiles[1]) AS median,
    lower(hex(arraySort(t -> (greatest(t.2, median) - least(t.2, median), t), typical)[1].3)) AS typical_trace
FROM
(
    SELECT
        client, client_type, server, server_type, connection,
        multiIf(grouping(server) = 1, 2, grouping(client) = 1, 1, 0) AS level,
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
        minIf(m.earliest, m.calls > 0) AS earliest,
        max(m.latest) AS latest,
        arraySlice(arraySort(arrayFlatten(groupArray(m.typical))), 1, 200) AS typical
    FROM (
    SELECT
        e.client::String AS client,
        e.client_type::String AS client_type,
        e.server::String AS server,
        e.server_type::String AS server_type,
        e.connection::String AS connection,
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
        minIf((toUnixTimestamp(e.minute), e.typical.2), e.calls > 0) AS earliest,
        maxIf((toUnixTimestamp(e.minute), e.typical.2), e.calls > 0) AS latest,
        groupArraySortedIf(200)((-toInt64(toUnixTimestamp(e.minute)), e.typical.1, e.typical.2), e.calls > 0)
            AS typical
    FROM (
    WITH d -> if(d <= 0, -32768, ceil(log2(greatest(d, 1)) * 32) - 1)::Int16 AS bucket
    SELECT
        minute, client, client_type, server, server_type, connection,
        sum(one.calls) AS calls,
        countIf(one.calls = 1 AND error) AS errors,
        countIf(one.calls = 1 AND retry) AS retries,
        (countIf(one.client_ns >= 0), minIf(one.client_ns, one.client_ns >= 0), maxIf(one.client_ns, one.client_ns >= 0), sumMapIf(map(bucket(one.client_ns), 1::UInt64), one.client_ns >= 0))::Tuple(n UInt64, min UInt64, max UInt64, buckets Map(Int16, UInt64)) AS client_ns,
        (countIf(one.server_ns >= 0), minIf(one.server_ns, one.server_ns >= 0), maxIf(one.server_ns, one.server_ns >= 0), sumMapIf(map(bucket(one.server_ns), 1::UInt64), one.server_ns >= 0))::Tuple(n UInt64, min UInt64, max UInt64, buckets Map(Int16, UInt64)) AS server_ns,
        (countIf(one.gap_ns >= 0), minIf(one.gap_ns, one.gap_ns >= 0), maxIf(one.gap_ns, one.gap_ns >= 0), sumMapIf(map(bucket(one.gap_ns), 1::UInt64), one.gap_ns >= 0))::Tuple(n UInt64, min UInt64, max UInt64, buckets Map(Int16, UInt64)) AS gap_ns,
        arraySort(groupArrayIf((if(one.server_ns < 0, one.client_ns, one.server_ns), trace_id, error), one.calls = 1))
            AS by_duration,
        (by_duration[-1].1, by_duration[-1].2)::Tuple(duration UInt64, trace_id FixedString(16)) AS slowest,
        (arrayLast(c -> c.3, by_duration).1, arrayLast(c -> c.3, by_duration).2)::Tuple(duration UInt64, trace_id FixedString(16)) AS failed,
        (by_duration[intDiv(length(by_duration) + 1, 2)] AS middle).1 AS middle_duration,
        (middle_duration, middle.2)::Tuple(duration UInt64, trace_id FixedString(16)) AS typical,
        sum(one.named) AS named,
        sum(one.found) AS found
    FROM
    (
        SELECT
            c.minute AS minute,
            if(c.client_resource = 0, c.client::String, caller.value) AS client,
            c.client_type::String AS client_type,
            if(c.server_resource = 0, c.server::String, callee.value) AS server,
            if(c.server_resource = 0 AND c.server_type::String = 'service', 'external', c.server_type::String) AS server_type,
            c.connection AS connection, c.calls AS calls, c.error AS error, c.retry AS retry,
            c.client_ns AS client_ns, c.server_ns AS server_ns, c.gap_ns AS gap_ns,
            c.named AS named, c.found AS found, c.trace_id AS trace_id
        FROM calls(tenant = {tenant:String}, since = toDateTime({since:Int64}, 'UTC'),
            until = toDateTime({until:Int64}, 'UTC'), lookback = {lookback:UInt32}) AS c
        ANY LEFT JOIN (
    SELECT id, service, given = '' AS lacking, first_seen, region, zone, host,
        multiIf(lacking, service, {key:String} = 'service.instance.id' AND uniqExact(service) OVER (PARTITION BY given) > 1,
            concat(service, '/', given), given) AS value
    FROM
    (
        SELECT
            id,
            any(r.service) AS service,
            any(attributes) AS attribute,
            attribute[{key:String}] AS given,
            attribute[{region_by:String}] AS region,
            attribute['cloud.availability_zone'] AS zone,
            attribute['host.name'] AS host,
            min(r.first_seen) AS first_seen
        FROM resources AS r WHERE tenant = {tenant:String} GROUP BY id
    )) AS caller ON c.client_resource = caller.id
        ANY LEFT JOIN (
    SELECT id, service, given = '' AS lacking, first_seen, region, zone, host,
        multiIf(lacking, service, {key:String} = 'service.instance.id' AND uniqExact(service) OVER (PARTITION BY given) > 1,
            concat(service, '/', given), given) AS value
    FROM
    (
        SELECT
            id,
            any(r.service) AS service,
            any(attributes) AS attribute,
            attribute[{key:String}] AS given,
            attribute[{region_by:String}] AS region,
            attribute['cloud.availability_zone'] AS zone,
            attribute['host.name'] AS host,
            min(r.first_seen) AS first_seen
        FROM resources AS r WHERE tenant = {tenant:String} GROUP BY id
    )) AS callee ON c.server_resource = callee.id
        WHERE true
    ) AS one
    GROUP BY minute, client, client_type, server, server_type, connection
    ) AS e
    WHERE true
    GROUP BY client, client_type, server, server_type, connection
    ) AS m
    GROUP BY GROUPING SETS ((client, client_type, server, server_type, connection), (server, server_type), ())
)
ORDER BY level, client, client_type, server, server_type, connection
