SELECT
    service::String AS label_0, name::String AS label_1, concat('SPAN_KIND_', upper(kind::String)) AS label_2, if(status = 'error', 'STATUS_CODE_ERROR', 'STATUS_CODE_UNSET') AS label_3,
    intDiv(toUnixTimestamp(ts), {stretch:Int64}) AS stretch,
    argMax((toUnixTimestamp64Milli(ts), lower(hex(trace_id)), lower(hex(span_id))), duration) AS slowest,
    least(max(duration), 2592000000000000) AS took
FROM spans
WHERE tenant = {tenant:String} AND ts >= fromUnixTimestamp64Nano({from:Int64}, 'UTC') AND ts < fromUnixTimestamp64Nano({to:Int64}, 'UTC') AND true
GROUP BY label_0, label_1, label_2, label_3, stretch
ORDER BY label_0, label_1, label_2, label_3, stretch
LIMIT {most:UInt32}
