SELECT
    keys,
    sum(n) AS spans,
    sum(s.requests) AS requests,
    groupArray((step, n, s.requests, s.errors, largest, percentiles)) AS steps
FROM (
    SELECT
        [service::String, attributes[{group_1:String}]]::Array(String) AS keys,
        intDiv(toUnixTimestamp64Nano(ts) - {from:Int64}, {step:Int64}) AS step,
        count() AS n,
        sum(adjusted_count) AS requests,
        sumIf(adjusted_count, status = 'error') AS errors,
        max(least(duration, 2592000000000000))::UInt64 AS largest,
        arrayMap(v -> if(isFinite(v), round(v), 0)::UInt64, quantilesExactInclusive(0.5, 0.999)(least(duration, 2592000000000000))) AS percentiles
    FROM spans
    WHERE (service = {q0:String} AND NOT ((((mapContains(attributes, {q1:String}) AND match(attributes[{q1:String}], {q2:String}))) OR ((mapContains(attributes, {q3:String}) AND ifNull(toFloat64OrNull(attributes[{q3:String}]) > {q4:Float64}, 0))) OR (((mapContains(attributes, {q5:String}) AND ifNull(toFloat64OrNull(attributes[{q5:String}]) = {q6:Float64}, 0)) OR (mapContains(attributes, {q5:String}) AND attributes[{q5:String}] IN ({q7:String})))))) AND resource_id IN (SELECT id FROM resources WHERE tenant = {tenant:String} AND attributes[{q8:String}] = {q9:String}) AND status IN ({q10:String}, {q11:String}) AND duration >= {q12:UInt64} AND (mapContains(attributes, {q13:String}) OR (NOT mapContains(attributes, {q13:String}) AND resource_id IN (SELECT id FROM resources WHERE tenant = {tenant:String} AND mapContains(attributes, {q13:String}))))) AND (kind IN ('server', 'consumer') OR parent_span_id = toFixedString('', 8))
    GROUP BY keys, step
) AS s
GROUP BY keys
ORDER BY requests DESC, keys
LIMIT {series:UInt32}
