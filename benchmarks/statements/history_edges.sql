INSERT INTO service_edges_1m (tenant, minute, version, client, client_type, server, server_type, connection, stored, calls, errors,
    retries, client_ns, server_ns, gap_ns, slowest, failed, typical, named, found, missing)
WITH
    (keys, shift) -> arrayMap(k -> (k + shift)::Int16, keys) AS shifted,
    (keys, shift) -> exp2((keys[1] + shift + 1) / 32)::UInt64 AS smallest,
    (keys, shift) -> exp2((keys[20] + shift + 1) / 32)::UInt64 AS largest
SELECT
    {tenant:String}, minute, (toUnixTimestamp(minute) + 90) * 1000, client, 'service', server, if(database, 'database', 'service'),
    if(database, 'database', 'rpc'), {calls:UInt64}, {calls:UInt64}, draw % 3, 0,
    ({calls:UInt64}, smallest(keys, 12), largest(keys, 12), mapFromArrays(shifted(keys, 12), counts)),
    if(database, (0, 0, 0, CAST(map(), 'Map(Int16, Float64)')),
        ({calls:UInt64}, smallest(keys, 0), largest(keys, 0), mapFromArrays(keys, counts))),
    if(database, (0, 0, 0, CAST(map(), 'Map(Int16, Float64)')),
        ({calls:UInt64}, smallest(keys, -70), largest(keys, -70), mapFromArrays(shifted(keys, -70), counts))),
    (largest(keys, 0), trace_id), if(draw % 3 = 0, (0, toFixedString('', 16)), (largest(keys, -20), trace_id)),
    (smallest(keys, 40), trace_id), if(database, 0, {calls:UInt64}), if(database, 0, {calls:UInt64}), 0
FROM
(
    SELECT *,
    arrayMap(i -> (low + draw % 16 + i * 4 + intDiv(draw, 16 + i) % 4)::Int16, range(20)) AS keys,
    arrayRotateLeft([1., 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 5, 6], draw % 20) AS counts
    FROM
    (
        SELECT
            number % {edges:UInt64} AS edge,
            toDateTime({since:Int64} + intDiv(number, {edges:UInt64}) * 60, 'UTC') AS minute,
            edge % 25 = 24 AS database,
            concat('service-', leftPad(toString(edge % {services:UInt64}), 2, '0')) AS client,
            if(database, concat('database-', toString(edge)),
                concat('service-', leftPad(toString((edge % {services:UInt64} + 1 + intDiv(edge, {services:UInt64})) % {services:UInt64}), 2, '0'))) AS server,
            cityHash64(edge, minute) AS draw,
            sipHash128(edge, minute)::FixedString(16) AS trace_id,
            650 + edge % 90 AS low
        FROM numbers({edges:UInt64} * {minutes:UInt64})
    )
)
SETTINGS max_threads = 1, max_insert_threads = 1, min_insert_block_size_bytes = 1073741824
