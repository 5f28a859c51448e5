SELECT keys, sum(n) AS total, groupArray((step, n, errors, largest, percentiles)) AS steps
FROM (
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

    SELECT keys, step, n, errors, largest, arrayMap(q -> round(sketch_percentile(histogram, (greatest(n, 1) - 1) * q, smallest, largest))::UInt64, [0.5]) AS percentiles
    FROM
    (
        SELECT
            [operation::String]::Array(String) AS keys,
            intDiv(toUnixTimestamp64Nano(minute::DateTime64(9, 'UTC')) - {from:Int64}, {step:Int64}) AS step,
            sum(requests) AS n,
            sum(r.errors) AS errors,
            least(min(duration_min), 2592000000000000)::UInt64 AS smallest,
            least(max(duration_max), 2592000000000000)::UInt64 AS largest,
            sumMap(buckets) AS histogram
        FROM red_1m AS r
        WHERE tenant = {tenant:String} AND minute >= fromUnixTimestamp64Nano({from:Int64}, 'UTC') AND minute < fromUnixTimestamp64Nano({to:Int64}, 'UTC') AND service = {service:String} AND kind = {kind:String}
        GROUP BY keys, step
    )
)
GROUP BY keys
ORDER BY total DESC, keys
LIMIT {series:UInt32}
