SELECT
    service::String AS name,
    countIf((kind IN ('server', 'consumer') OR parent_span_id = toFixedString('', 8))) AS spans,
    sumIf(adjusted_count, (kind IN ('server', 'consumer') OR parent_span_id = toFixedString('', 8))) AS requests,
    sumIf(adjusted_count, (kind IN ('server', 'consumer') OR parent_span_id = toFixedString('', 8)) AND status = 'error') AS errors,
    maxIf(least(duration, 2592000000000000), (kind IN ('server', 'consumer') OR parent_span_id = toFixedString('', 8)))::UInt64 AS largest,
    arrayMap(v -> if(isFinite(v), round(v), 0)::UInt64, quantilesExactInclusiveIf(0.5, 0.9, 0.95, 0.99)(least(duration, 2592000000000000), (kind IN ('server', 'consumer') OR parent_span_id = toFixedString('', 8))))
        AS percentiles
FROM
(
    SELECT service, resource_id, kind, parent_span_id, status, duration, adjusted_count FROM spans
    WHERE tenant = {tenant:String} AND ts >= fromUnixTimestamp64Nano({from:Int64}, 'UTC') AND ts < fromUnixTimestamp64Nano({to:Int64}, 'UTC') AND trace_id IN (SELECT DISTINCT trace_id FROM spans WHERE (service = {q0:String} AND NOT ((((mapContains(attributes, {q1:String}) AND match(attributes[{q1:String}], {q2:String}))) OR ((mapContains(attributes, {q3:String}) AND ifNull(toFloat64OrNull(attributes[{q3:String}]) > {q4:Float64}, 0))) OR (((mapContains(attributes, {q5:String}) AND ifNull(toFloat64OrNull(attributes[{q5:String}]) = {q6:Float64}, 0)) OR (mapContains(attributes, {q5:String}) AND attributes[{q5:String}] IN ({q7:String})))))) AND resource_id IN (SELECT id FROM resources WHERE tenant = {tenant:String} AND attributes[{q8:String}] = {q9:String}) AND status IN ({q10:String}, {q11:String}) AND duration >= {q12:UInt64} AND (mapContains(attributes, {q13:String}) OR (NOT mapContains(attributes, {q13:String}) AND resource_id IN (SELECT id FROM resources WHERE tenant = {tenant:String} AND mapContains(attributes, {q13:String}))))))
) AS s
GROUP BY name
ORDER BY name
