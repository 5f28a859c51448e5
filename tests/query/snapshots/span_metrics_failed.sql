SELECT
    label_0, label_1, label_2,
    groupArray(node) AS nodes,
    groupArray(value) AS values,
    groupArray(buckets) AS buckets
FROM
(
    SELECT
        client::String AS label_0, server::String AS label_1, multiIf(connection::String = 'messaging', 'messaging_system', connection::String = 'database', 'database', connection::String = 'external' OR client_type::String = 'user', 'virtual_node', '') AS label_2,
        roundDown(toUnixTimestamp(e.minute), {nodes:Array(UInt32)}) AS node,
        sum(e.stored) AS stored_values,
        sum(e.errors)::Float64 AS value,
        '' AS buckets
    FROM (SELECT * FROM the_rows
    ) AS e
    
    WHERE ((client::String = {matcher_0:String}) AND (NOT match(server::String, {matcher_1:String})) OR (multiIf(connection::String = 'messaging', 'messaging_system', connection::String = 'database', 'database', connection::String = 'external' OR client_type::String = 'user', 'virtual_node', '') != {matcher_2:String}) AND (match('', {matcher_3:String})))
    GROUP BY label_0, label_1, label_2, node
    HAVING stored_values > 0
)
GROUP BY label_0, label_1, label_2
ORDER BY label_0, label_1, label_2
