SELECT
    e.client AS client, e.client_type AS client_type, e.server AS server, e.server_type AS server_type,
    e.connection AS connection,
    sum(e.calls) AS calls,
    max((toUnixTimestamp(e.minute), lower(hex(e.typical.2)))) AS latest
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
WHERE e.calls > 0 AND e.client != ''
GROUP BY client, client_type, server, server_type, connection
ORDER BY client, client_type, server, server_type, connection
