SELECT
    count() AS total,
    arrayMap(place -> (place.1, lower(hex(place.2))), groupArraySortedIf(1001)(
        (key, trace_id), (key, trace_id) > ({key:Int64}, unhex({id:String})::FixedString(16)))) AS page
FROM
(
    SELECT 
    trace_id,
    toUnixTimestamp64Nano(min(first)) AS start,
    toUnixTimestamp64Nano(max(ended)) - start AS duration,
    sum(i.spans)::Int64 AS spans,
    sum(i.errors)::Int64 AS errors
, -duration AS key
    FROM trace_index AS i
    WHERE 
    tenant = {tenant:String}
    AND day BETWEEN toDate({first_day:UInt16}) AND toDate({last_day:UInt16})
 AND trace_id IN (SELECT trace_id FROM spans WHERE (service = {q0:String} AND NOT ((((mapContains(attributes, {q1:String}) AND match(attributes[{q1:String}], {q2:String}))) OR ((mapContains(attributes, {q3:String}) AND ifNull(toFloat64OrNull(attributes[{q3:String}]) > {q4:Float64}, 0))) OR (((mapContains(attributes, {q5:String}) AND ifNull(toFloat64OrNull(attributes[{q5:String}]) = {q6:Float64}, 0)) OR (mapContains(attributes, {q5:String}) AND attributes[{q5:String}] IN ({q7:String})))))) AND resource_id IN (SELECT id FROM resources WHERE tenant = {tenant:String} AND attributes[{q8:String}] = {q9:String}) AND status IN ({q10:String}, {q11:String}) AND duration >= {q12:UInt64} AND (mapContains(attributes, {q13:String}) OR (NOT mapContains(attributes, {q13:String}) AND resource_id IN (SELECT id FROM resources WHERE tenant = {tenant:String} AND mapContains(attributes, {q13:String}))))))
    GROUP BY trace_id
    HAVING duration >= {min_duration:Int64} AND duration <= {max_duration:Int64}
)
