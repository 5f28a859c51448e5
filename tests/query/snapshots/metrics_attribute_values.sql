WITH found AS
(
    SELECT series, attributes, resource_id
    FROM metric_series
    WHERE tenant = {tenant:String}
        AND last_seen >= fromUnixTimestamp64Milli({from:Int64}, 'UTC')
        AND first_seen < fromUnixTimestamp64Milli({to:Int64}, 'UTC')
        AND ({metric:String} = '' OR metric = {metric:String})
        AND ({service:String} = '' OR service = {service:String})
    LIMIT 1 BY metric, series
),
pairs AS (SELECT series, 'point' AS scope, pair.1 AS key, pair.2 AS value
    FROM found
    ARRAY JOIN attributes::Array(Tuple(String, String)) AS pair UNION ALL SELECT series, 'resource' AS scope, pair.1 AS key, pair.2 AS value
    FROM found
    ANY LEFT JOIN (SELECT id, attributes AS sender FROM resources WHERE tenant = {tenant:String}) AS r
    ON r.id = found.resource_id
    ARRAY JOIN sender::Array(Tuple(String, String)) AS pair)
SELECT value, count() AS n, count() OVER () AS total, sum(n) OVER () AS series_total
FROM (SELECT series, argMin(value, scope) AS value FROM pairs WHERE key = {key:String} GROUP BY series)
GROUP BY value
ORDER BY n DESC, value
LIMIT {limit:UInt32}
