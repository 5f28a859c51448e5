SELECT
    service,
    countIf((kind IN ('server', 'consumer') OR parent_span_id = toFixedString('', 8))) AS requests,
    countIf((kind IN ('server', 'consumer') OR parent_span_id = toFixedString('', 8)) AND status = 'error') AS errors,
    countIf(kind IN ('server', 'consumer') AND parent_span_id != toFixedString('', 8)) AS halves,
    maxIf(duration, (kind IN ('server', 'consumer') OR parent_span_id = toFixedString('', 8))) AS largest,
    arrayMap(v -> if(isFinite(v), round(v), 0)::UInt64, quantilesExactInclusiveIf(0.5, 0.9, 0.95, 0.99)(duration, (kind IN ('server', 'consumer') OR parent_span_id = toFixedString('', 8)))) AS percentiles
FROM spans
WHERE tenant = {tenant:String} AND ts >= fromUnixTimestamp64Nano({from:Int64}, 'UTC') AND ts < fromUnixTimestamp64Nano({to:Int64}, 'UTC')
GROUP BY service
ORDER BY service
