SELECT
    label_0, label_1, label_2,
    groupArray(node) AS nodes,
    groupArray(value) AS values,
    groupArray(buckets) AS buckets
FROM
(
    SELECT
        service::String AS label_0, operation::String AS label_1, concat('SPAN_KIND_', upper(kind::String)) AS label_2,
        roundDown(toUnixTimestamp(e.start), {nodes:Array(UInt32)}) AS node,
        sum(e.spans) AS stored_values,
        sum(e.duration_sum / 1e9)::Float64 AS value,
        base64Encode(formatRow('RowBinary', sumMap(e.buckets))) AS buckets
    FROM (SELECT * FROM the_rows
    ) AS e
    
    WHERE true
    GROUP BY label_0, label_1, label_2, node
    HAVING stored_values > 0
)
GROUP BY label_0, label_1, label_2
ORDER BY label_0, label_1, label_2
