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
    name, requests, errors, largest,
    arrayMap(q -> round(sketch_percentile(histogram, (greatest(requests, 1) - 1) * q, smallest, largest))::UInt64, [0.5, 0.9, 0.95, 0.99])
        AS percentiles
FROM
(
    SELECT
        service::String AS name,
        sumIf(r.requests, entry) AS requests,
        sumIf(r.errors, entry) AS errors,
        least(minIf(duration_min, entry), 2592000000000000)::UInt64 AS smallest,
        least(maxIf(duration_max, entry), 2592000000000000)::UInt64 AS largest,
        sumMapIf(buckets, entry) AS histogram
    FROM red_1m AS r
    WHERE tenant = {tenant:String} AND minute >= fromUnixTimestamp64Nano({from:Int64}, 'UTC')
        AND minute < fromUnixTimestamp64Nano({to:Int64}, 'UTC')
    GROUP BY name
)
ORDER BY name
