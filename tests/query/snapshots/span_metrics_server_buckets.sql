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
        sum(if(e.silent, e.client_ns.n, e.server_ns.n)) AS stored_values,
        sum(arraySum(mapValues(if(e.silent, e.client_ns.buckets, e.server_ns.buckets))))::Float64 AS value,
        base64Encode(formatRow('RowBinary', sumMap(if(e.silent, e.client_ns.buckets, e.server_ns.buckets)))) AS buckets
    FROM (
    SELECT *, s.server_type::String != 'service' OR s.server NOT IN (SELECT service FROM resources WHERE tenant = {tenant:String}) AS silent FROM (the_edges
    ) AS s
    ) AS e
    
    WHERE true
    GROUP BY label_0, label_1, label_2, node
    HAVING stored_values > 0
)
GROUP BY label_0, label_1, label_2
ORDER BY label_0, label_1, label_2
