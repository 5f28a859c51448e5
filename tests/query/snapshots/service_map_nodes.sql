SELECT
    service::String AS name,
    sumIf(r.spans, entry) AS spans,
    sumIf(r.requests, entry) AS requests,
    sumIf(r.errors, entry) AS errors,
    least(minIf(duration_min, entry), 2592000000000000)::UInt64 AS smallest,
    least(maxIf(duration_max, entry), 2592000000000000)::UInt64 AS largest,
    base64Encode(formatRow('RowBinary', sumMapIf(r.buckets, entry))) AS histogram
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
GROUP BY name
ORDER BY name
