SELECT
    label_0, label_1, label_2, label_3,
    groupArray(node) AS nodes,
    groupArray(value) AS values,
    groupArray(buckets) AS buckets
FROM
(
    SELECT
        service::String AS label_0, operation::String AS label_1, concat('SPAN_KIND_', upper(kind::String)) AS label_2, status.1 AS label_3,
        roundDown(toUnixTimestamp(e.start), {nodes:Array(UInt32)}) AS node,
        sum(status.2 > 0) AS stored_values,
        sum(status.2)::Float64 AS value,
        '' AS buckets
    FROM (SELECT * FROM the_rows
    ) AS e
    ARRAY JOIN [('STATUS_CODE_UNSET', if(e.requests - e.errors > 1e-6, e.requests - e.errors, 0)), ('STATUS_CODE_ERROR', e.errors)] AS status
    WHERE true
    GROUP BY label_0, label_1, label_2, label_3, node
    HAVING stored_values > 0
)
GROUP BY label_0, label_1, label_2, label_3
ORDER BY label_0, label_1, label_2, label_3
