SELECT min(place).1 AS start, lower(hex(min(place).2)) AS id
FROM
(
    SELECT
        place,
        intDiv(sum(bytes) OVER (ORDER BY place ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW), 8388608) AS part
    FROM
    (
        SELECT ((toUnixTimestamp64Nano(ts) + clock_offset)::UInt64, span_id) AS place, byteSize(name, status_message, attributes, events, links) AS bytes
        FROM spans
        WHERE tenant = {tenant:String} AND trace_id = toFixedString(unhex({trace_id:String}), 16)
    AND ts >= fromUnixTimestamp64Nano({first:Int64}, 'UTC') AND ts <= fromUnixTimestamp64Nano({last:Int64}, 'UTC')
    )
)
GROUP BY part
ORDER BY part
