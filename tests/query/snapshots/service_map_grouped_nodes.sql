SELECT
    groups.value AS name,
    countIf((kind IN ('server', 'consumer') OR parent_span_id = toFixedString('', 8))) AS spans,
    sumIf(adjusted_count, (kind IN ('server', 'consumer') OR parent_span_id = toFixedString('', 8))) AS requests,
    sumIf(adjusted_count, (kind IN ('server', 'consumer') OR parent_span_id = toFixedString('', 8)) AND status = 'error') AS errors,
    maxIf(least(duration, 2592000000000000), (kind IN ('server', 'consumer') OR parent_span_id = toFixedString('', 8)))::UInt64 AS largest,
    arrayMap(v -> if(isFinite(v), round(v), 0)::UInt64, quantilesExactWeightedInterpolatedIf(0.5, 0.9, 0.95, 0.99)(least(duration, 2592000000000000), round(adjusted_count)::UInt64, (kind IN ('server', 'consumer') OR parent_span_id = toFixedString('', 8))))
        AS percentiles
FROM
(
    SELECT service, resource_id, kind, parent_span_id, status, duration, adjusted_count FROM spans
    WHERE tenant = {tenant:String} AND ts >= fromUnixTimestamp64Nano({from:Int64}, 'UTC') AND ts < fromUnixTimestamp64Nano({to:Int64}, 'UTC')
) AS s
ANY LEFT JOIN (
    SELECT id, if(any(attributes)[{key:String}] = '', '(none)', any(attributes)[{key:String}]) AS value
    FROM resources WHERE tenant = {tenant:String} GROUP BY id) AS groups ON s.resource_id = groups.id
GROUP BY name
ORDER BY name
