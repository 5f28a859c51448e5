SELECT
    (SELECT toUnixTimestamp(argMax(settled, version)) FROM edge_progress WHERE id = 1) AS settled,
    (SELECT max(version) FROM edge_progress WHERE id = 1) AS stepped,
    (
        SELECT max(version) FROM edge_minutes
        WHERE tenant = {tenant:String}
            AND minute >= toDateTime({since:Int64}, 'UTC') AND minute < toDateTime({until:Int64}, 'UTC')
    ) AS published
