WITH found AS
(
    SELECT series, attributes, resource_id
    FROM metric_series
    WHERE tenant = {tenant:String}
        AND last_seen >= fromUnixTimestamp64Milli({from:Int64}, 'UTC')
        AND first_seen < fromUnixTimestamp64Milli({to:Int64}, 'UTC')
        AND ({metric:String} = '' OR metric = {metric:String})
        AND ({service:String} = '' OR service = {service:String}) AND (service = {q0:String} AND (mapContains(attributes, {q1:String}) OR (NOT mapContains(attributes, {q1:String}) AND resource_id IN (SELECT id FROM resources WHERE tenant = {tenant:String} AND mapContains(attributes, {q1:String})))) AND ((mapContains(attributes, {q2:String}) AND ifNull(toFloat64OrNull(attributes[{q2:String}]) > {q3:Float64}, 0))))
    LIMIT 1 BY metric, series
),
pairs AS (SELECT series, 'point' AS scope, pair.1 AS key, pair.2 AS value
    FROM found
    ARRAY JOIN attributes::Array(Tuple(String, String)) AS pair UNION ALL SELECT series, 'resource' AS scope, pair.1 AS key, pair.2 AS value
    FROM found
    ANY LEFT JOIN (SELECT id, attributes AS sender FROM resources WHERE tenant = {tenant:String}) AS r
    ON r.id = found.resource_id
    ARRAY JOIN sender::Array(Tuple(String, String)) AS pair)
SELECT scope, key, sum(n) AS series_total, count() AS values_total,
    arraySlice(arraySort(x -> (-x.1, x.2), groupArray((n::Int64, value))), 1, 10).2 AS shown,
    count() OVER () AS total
FROM (SELECT scope, key, value, count() AS n FROM pairs GROUP BY scope, key, value)
GROUP BY scope, key
ORDER BY series_total DESC, key, scope
LIMIT {limit:UInt32}
