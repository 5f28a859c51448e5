WITH (SELECT (argMax(settled, version), max(version)) FROM edge_progress WHERE id = 1) AS progress
SELECT
    toUnixTimestamp(progress.1) AS settled,
    progress.2 AS stepped,
    (SELECT count() FROM (
        SELECT 1 FROM call_halves
        WHERE tenant = {tenant:String} AND minute >= toDateTime({since:Int64}, 'UTC') AND minute < toDateTime({until:Int64}, 'UTC') AND minute >= progress.1
        LIMIT 1)) AS unsettled,
    (SELECT (sum(versions), mapFromArrays(groupArray(start), groupArray(stamp))) FROM (
        SELECT intDiv(toUnixTimestamp(minute), 3600) * 3600 AS start, sum(latest) AS stamp, sum(all) AS versions FROM (
            SELECT minute, max(version) AS latest, sum(version) AS all FROM edge_minutes
            WHERE tenant = {tenant:String} AND minute >= toDateTime({since:Int64}, 'UTC') AND minute < toDateTime({until:Int64}, 'UTC')
            GROUP BY minute)
        GROUP BY start)) AS minute,
    (SELECT (sum(versions), mapFromArrays(groupArray(start), groupArray(stamp))) FROM (
        SELECT toUnixTimestamp(hour) AS start, max(e.stamp) AS stamp, sum(version) AS versions
        FROM edge_hours AS e
        WHERE tenant = {tenant:String} AND hour >= toDateTime({since:Int64}, 'UTC') AND hour < toDateTime({until:Int64}, 'UTC')
        GROUP BY start)) AS hour,
    (SELECT (sum(versions), mapFromArrays(groupArray(start), groupArray(stamp))) FROM (
        SELECT toUnixTimestamp(day) AS start, max(e.stamp) AS stamp, sum(version) AS versions
        FROM edge_days AS e
        WHERE tenant = {tenant:String} AND day >= toDateTime({since:Int64}, 'UTC') AND day < toDateTime({until:Int64}, 'UTC')
        GROUP BY start)) AS day
