SELECT intDiv(toUnixTimestamp(minute) - {since:Int64}, {step:Int64}) AS number, sumMap(buckets) AS histogram
FROM red_1m
WHERE tenant = {tenant:String} AND minute >= toDateTime({since:Int64}, 'UTC') AND minute < toDateTime({until:Int64}, 'UTC') AND entry AND service = {service:String}
GROUP BY number
ORDER BY number
