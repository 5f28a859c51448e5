SELECT
    intDiv(toUnixTimestamp(r.start) - {since:Int64}, {step:Int64}) AS number,
    sum(r.spans) AS spans,
    sum(r.requests) AS requests,
    sumMap(r.buckets) AS histogram
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
WHERE entry AND service = {service:String}
GROUP BY number
ORDER BY number
