SELECT
    client::String AS label_0, server::String AS label_1, multiIf(connection::String = 'messaging', 'messaging_system', connection::String = 'database', 'database', connection::String = 'external' OR client_type::String = 'user', 'virtual_node', '') AS label_2,
    intDiv(toUnixTimestamp(e.minute), {stretch:Int64}) AS stretch,
    max((e.slowest.1, toUnixTimestamp(e.minute), lower(hex(e.slowest.2)))) AS slowest_trace, max((e.failed.1, toUnixTimestamp(e.minute), lower(hex(e.failed.2)))) AS failed_trace, max((e.typical.1, toUnixTimestamp(e.minute), lower(hex(e.typical.2)))) AS typical_trace
FROM (the_edges
) AS e
WHERE e.stored > 0
GROUP BY label_0, label_1, label_2, stretch
ORDER BY label_0, label_1, label_2, stretch
LIMIT {most:UInt32}
