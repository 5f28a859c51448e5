-- The edges that the calls of [since, until) make up, by minute and with the columns of service_edges_1m. Bound as in
-- calls.sql, which is the innermost query.
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
FROM ({calls}) AS one
GROUP BY minute, client, client_type, server, server_type, connection
