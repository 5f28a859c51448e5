-- The edges that the calls of [since, until) make up, by minute and with the columns of service_edges_1m; see calls.sql.
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
FROM (/* calls */) AS one
GROUP BY minute, client, client_type, server, server_type, connection
