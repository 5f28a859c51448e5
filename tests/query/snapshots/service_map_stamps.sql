SELECT
    (SELECT mapFromArrays(groupArray(start), groupArray(stamp)) FROM (
        SELECT intDiv(toUnixTimestamp(minute), 3600) * 3600 AS start, sum(version) AS stamp FROM (
            SELECT minute, max(version) AS version FROM edge_minutes
            WHERE tenant = {tenant:String}
                AND minute >= toDateTime({since:Int64}, 'UTC') AND minute < toDateTime({until:Int64}, 'UTC')
            GROUP BY minute)
        GROUP BY start)) AS minutes,
    (SELECT mapFromArrays(groupArray(start), groupArray(stamp)) FROM (
        SELECT toUnixTimestamp(hour) AS start, max(e.stamp) AS stamp FROM edge_hours AS e
        WHERE tenant = {tenant:String}
            AND hour >= toDateTime({since:Int64}, 'UTC') AND hour < toDateTime({until:Int64}, 'UTC')
        GROUP BY start)) AS hours,
    (SELECT mapFromArrays(groupArray(start), groupArray(stamp)) FROM (
        SELECT toUnixTimestamp(day) AS start, max(e.stamp) AS stamp FROM edge_days AS e
        WHERE tenant = {tenant:String}
            AND day >= toDateTime({since:Int64}, 'UTC') AND day < toDateTime({until:Int64}, 'UTC')
        GROUP BY start)) AS days
