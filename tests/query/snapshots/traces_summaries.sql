SELECT 
    trace_id,
    toUnixTimestamp64Nano(min(first)) AS start,
    toUnixTimestamp64Nano(max(ended)) - start AS duration,
    sum(i.spans)::Int64 AS spans,
    sum(i.errors)::Int64 AS errors
,
    lower(hex(trace_id)) AS id,
    toUnixTimestamp64Nano(max(last)) AS latest,
    min(root) AS root,
    arraySort(groupUniqArrayArray(services)) AS services
FROM trace_index AS i
WHERE 
    tenant = {tenant:String}
    AND day BETWEEN toDate({first_day:UInt16}) AND toDate({last_day:UInt16})
 AND trace_id IN (SELECT toFixedString(unhex(arrayJoin({ids:Array(String)})), 16))
GROUP BY trace_id
