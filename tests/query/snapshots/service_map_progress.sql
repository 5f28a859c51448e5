WITH (SELECT argMax(settled, version) FROM edge_progress WHERE id = 1) AS rolled
SELECT
    toUnixTimestamp(rolled) AS settled,
    (SELECT max(version) FROM edge_progress WHERE id = 1) AS stepped,
    (
    SELECT sum(version) AS published FROM (
        SELECT max(version) AS version FROM edge_minutes
        WHERE tenant = {tenant:String}
            AND minute >= toDateTime({since:Int64}, 'UTC') AND minute < toDateTime({until:Int64}, 'UTC')
        GROUP BY minute
        UNION ALL
        SELECT sum(version) FROM edge_hours
        WHERE tenant = {tenant:String}
            AND hour >= toDateTime({since:Int64}, 'UTC') AND hour < toDateTime({until:Int64}, 'UTC')
        UNION ALL
        SELECT sum(version) FROM edge_days
        WHERE tenant = {tenant:String}
            AND day >= toDateTime({since:Int64}, 'UTC') AND day < toDateTime({until:Int64}, 'UTC'))) AS published,
    (SELECT count() FROM (
        SELECT 1 FROM call_halves
        WHERE tenant = {tenant:String} AND minute >= rolled
            AND minute >= toDateTime({since:Int64}, 'UTC') AND minute < toDateTime({until:Int64}, 'UTC')
        LIMIT 1)) AS unsettled
