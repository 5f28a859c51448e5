INSERT INTO red_1m (tenant, minute, service, operation, kind, entry, spans, requests, errors, duration_sum, duration_min, duration_max,
    buckets, first_seen, last_seen)
SELECT
    {tenant:String}, minute, service, 'GET /items/{id}', 'server', true, {calls:UInt64}, {calls:UInt64}, draw % 3,
    {calls:UInt64} * exp2(keys[10] / 32), exp2((keys[1] + 1) / 32)::UInt64, exp2((keys[20] + 1) / 32)::UInt64,
    mapFromArrays(keys, counts), minute, minute + 59
FROM
(
    SELECT *,
    arrayMap(i -> (low + draw % 16 + i * 4 + intDiv(draw, 16 + i) % 4)::Int16, range(20)) AS keys,
    arrayRotateLeft([1., 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 5, 6], draw % 20) AS counts
    FROM
    (
        SELECT
            number % {services:UInt64} AS n,
            toDateTime({since:Int64} + intDiv(number, {services:UInt64}) * 60, 'UTC') AS minute,
            concat('service-', leftPad(toString(n), 2, '0')) AS service,
            cityHash64(n, minute) AS draw,
            650 + n AS low
        FROM numbers({services:UInt64} * {minutes:UInt64})
    )
)
SETTINGS max_threads = 1, max_insert_threads = 1, min_insert_block_size_bytes = 1073741824
