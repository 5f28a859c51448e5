SELECT
    if(duration = 0, -32768, floor((ceil(log2(duration) * 32) - 1) / {width:UInt8}))::Int32 AS bucket,
    lower(hex(argMax(trace_id, (ts, trace_id)))) AS trace
FROM spans
WHERE (service = {q0:String} AND NOT ((((mapContains(attributes, {q1:String}) AND match(attributes[{q1:String}], {q2:String}))) OR ((mapContains(attributes, {q3:String}) AND ifNull(toFloat64OrNull(attributes[{q3:String}]) > {q4:Float64}, 0))) OR (((mapContains(attributes, {q5:String}) AND ifNull(toFloat64OrNull(attributes[{q5:String}]) = {q6:Float64}, 0)) OR (mapContains(attributes, {q5:String}) AND attributes[{q5:String}] IN ({q7:String})))))) AND resource_id IN (SELECT id FROM resources WHERE tenant = {tenant:String} AND attributes[{q8:String}] = {q9:String}) AND status IN ({q10:String}, {q11:String}) AND duration >= {q12:UInt64} AND (mapContains(attributes, {q13:String}) OR (NOT mapContains(attributes, {q13:String}) AND resource_id IN (SELECT id FROM resources WHERE tenant = {tenant:String} AND mapContains(attributes, {q13:String}))))) AND (kind IN ('server', 'consumer') OR parent_span_id = toFixedString('', 8))
GROUP BY bucket
