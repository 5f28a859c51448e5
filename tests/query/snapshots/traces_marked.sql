SELECT
    lower(hex(trace_id)) AS id,
    countIf(bitAnd(marks, 3) != 0) AS corrected,
    countIf(bitAnd(marks, 8) != 0) AS truncated
FROM spans
WHERE tenant = {tenant:String} AND bitAnd(marks, 11) != 0
    AND ts >= fromUnixTimestamp64Nano({first:Int64}, 'UTC') AND ts <= fromUnixTimestamp64Nano({last:Int64}, 'UTC')
    AND trace_id IN (SELECT toFixedString(unhex(arrayJoin({ids:Array(String)})), 16))
GROUP BY trace_id
