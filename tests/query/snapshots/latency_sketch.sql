SELECT
    keys,
    sum(n) AS spans,
    sum(s.requests) AS requests,
    groupArray((step, n, s.requests, s.errors, largest, percentiles)) AS steps
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

    SELECT keys, step, n, requests, errors, largest, arrayMap(q -> round(sketch_percentile(histogram, (greatest(requests, 1) - 1) * q, smallest, largest))::UInt64, [0.5]) AS percentiles
    FROM
    (
        SELECT
            [operation::String]::Array(String) AS keys,
            intDiv(toUnixTimestamp64Nano(r.start::DateTime64(9, 'UTC')) - {from:Int64}, {step:Int64}) AS step,
            sum(r.spans) AS n,
            sum(r.requests) AS requests,
            sum(r.errors) AS errors,
            least(min(duration_min), 2592000000000000)::UInt64 AS smallest,
            least(max(duration_max), 2592000000000000)::UInt64 AS largest,
            sumMap(buckets) AS histogram
        FROM (
    SELECT minute AS start, service, operation, kind, entry, spans, requests, errors, duration_sum, duration_min, duration_max, buckets, first_seen, last_seen FROM red_1m
    WHERE tenant = {tenant:String} AND ((minute >= toDateTime({minute_0_since:Int64}, 'UTC') AND minute < toDateTime({minute_0_until:Int64}, 'UTC') AND toStartOfHour(minute) >= toStartOfHour(toDateTime({minute_0_since:Int64}, 'UTC')) AND toStartOfHour(minute) <= toStartOfHour(toDateTime({minute_0_until:Int64}, 'UTC'))))
    UNION ALL
    SELECT hour AS start, service, operation, kind, entry, spans, requests, errors, duration_sum, duration_min, duration_max, buckets, first_seen, last_seen FROM red_1h
    WHERE tenant = {tenant:String} AND ((hour >= toDateTime({hour_0_since:Int64}, 'UTC') AND hour < toDateTime({hour_0_until:Int64}, 'UTC') AND toStartOfDay(hour) >= toStartOfDay(toDateTime({hour_0_since:Int64}, 'UTC')) AND toStartOfDay(hour) <= toStartOfDay(toDateTime({hour_0_until:Int64}, 'UTC'))))
    UNION ALL
    SELECT day AS start, service, operation, kind, entry, spans, requests, errors, duration_sum, duration_min, duration_max, buckets, first_seen, last_seen FROM red_1d
    WHERE tenant = {tenant:String} AND ((day >= toDateTime({day_0_since:Int64}, 'UTC') AND day < toDateTime({day_0_until:Int64}, 'UTC') AND toStartOfMonth(day) >= toStartOfMonth(toDateTime({day_0_since:Int64}, 'UTC')) AND toStartOfMonth(day) <= toStartOfMonth(toDateTime({day_0_until:Int64}, 'UTC'))))
        ) AS r
        WHERE true AND service = {service:String} AND kind = {kind:String}
        GROUP BY keys, step
    )
) AS s
GROUP BY keys
ORDER BY requests DESC, keys
LIMIT {series:UInt32}
