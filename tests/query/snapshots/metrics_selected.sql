SELECT s.series AS series, [service, multiIf(mapContains(attributes, {group_1:String}), attributes[{group_1:String}], mapContains(sender, {group_1:String}), sender[{group_1:String}], NULL), multiIf(mapContains(attributes, {group_2:String}), attributes[{group_2:String}], NULL), multiIf(mapContains(sender, {group_3:String}), sender[{group_3:String}], NULL)]::Array(Nullable(String)) AS keys, cumulative
    FROM
    (
        SELECT series, service, attributes, resource_id, temporality != 'delta' AS cumulative
        FROM metric_series
        WHERE tenant = {tenant:String} AND metric = {metric:String} AND type = {type:String}
            AND unit = {unit:String} AND monotonic = {monotonic:UInt8}
            AND last_seen >= fromUnixTimestamp64Milli({seen_from:Int64}, 'UTC') AND (service = {q0:String} AND (mapContains(attributes, {q1:String}) OR (NOT mapContains(attributes, {q1:String}) AND resource_id IN (SELECT id FROM resources WHERE tenant = {tenant:String} AND mapContains(attributes, {q1:String})))) AND ((mapContains(attributes, {q2:String}) AND ifNull(toFloat64OrNull(attributes[{q2:String}]) > {q3:Float64}, 0))))
        LIMIT 1 BY series
    ) AS s
    ANY LEFT JOIN (SELECT id, attributes AS sender FROM resources WHERE tenant = {tenant:String}) AS r
    ON r.id = s.resource_id
