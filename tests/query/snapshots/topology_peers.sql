SELECT
    value AS name,
    arraySort(groupUniqArray(peer.service)) AS services,
    max(lacking) AS named_by_service,
    max(s.present) AS present,
    sum(s.spans) AS spans,
    sum(s.requests) AS requests,
    sum(s.errors) AS errors,
    max(s.largest)::UInt64 AS largest,
    arrayMap(v -> if(isFinite(v), round(v), 0)::UInt64, quantilesExactWeightedInterpolatedMerge(0.5, 0.9, 0.95, 0.99)(s.durations))
        AS percentiles,
    toUnixTimestamp64Milli(min(peer.first_seen)) AS first_seen,
    toUnixTimestamp64Nano(max(s.latest)) AS last_seen,
    argMax((region, zone, host), (s.latest, s.resource_id)) AS location
FROM
(
    SELECT
        resource_id,
        max(ts >= fromUnixTimestamp64Nano({from:Int64}, 'UTC')) AS present,
        countIf((kind IN ('server', 'consumer') OR parent_span_id = toFixedString('', 8)) AND ts >= fromUnixTimestamp64Nano({from:Int64}, 'UTC')) AS spans,
        sumIf(adjusted_count, (kind IN ('server', 'consumer') OR parent_span_id = toFixedString('', 8)) AND ts >= fromUnixTimestamp64Nano({from:Int64}, 'UTC')) AS requests,
        sumIf(adjusted_count, (kind IN ('server', 'consumer') OR parent_span_id = toFixedString('', 8)) AND ts >= fromUnixTimestamp64Nano({from:Int64}, 'UTC') AND status = 'error') AS errors,
        maxIf(least(duration, 2592000000000000), (kind IN ('server', 'consumer') OR parent_span_id = toFixedString('', 8)) AND ts >= fromUnixTimestamp64Nano({from:Int64}, 'UTC')) AS largest,
        quantilesExactWeightedInterpolatedStateIf(0.5, 0.9, 0.95, 0.99)(least(duration, 2592000000000000), round(adjusted_count)::UInt64, (kind IN ('server', 'consumer') OR parent_span_id = toFixedString('', 8)) AND ts >= fromUnixTimestamp64Nano({from:Int64}, 'UTC')) AS durations,
        max(ts) AS latest
    FROM spans
    WHERE tenant = {tenant:String} AND ts >= fromUnixTimestamp64Nano({earlier:Int64}, 'UTC')
        AND ts < fromUnixTimestamp64Nano({to:Int64}, 'UTC')
    GROUP BY resource_id
) AS s
ANY LEFT JOIN (
    SELECT id, service, given = '' AS lacking, first_seen, region, zone, host,
        multiIf(lacking, service, {key:String} = 'service.instance.id' AND uniqExact(service) OVER (PARTITION BY given) > 1,
            concat(service, '/', given), given) AS value
    FROM
    (
        SELECT
            id,
            any(r.service) AS service,
            any(attributes) AS attribute,
            attribute[{key:String}] AS given,
            attribute[{region_by:String}] AS region,
            attribute['cloud.availability_zone'] AS zone,
            attribute['host.name'] AS host,
            min(r.first_seen) AS first_seen
        FROM resources AS r WHERE tenant = {tenant:String} GROUP BY id
    )) AS peer ON s.resource_id = peer.id
GROUP BY name
ORDER BY name
