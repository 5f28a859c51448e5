SELECT
    (SELECT sum(version) FROM edge_minutes WHERE tenant = {tenant:String} AND minute >= toDateTime({since:Int64}, 'UTC') AND minute < toDateTime({until:Int64}, 'UTC')) AS minute,
    (SELECT sum(version) FROM edge_hours WHERE tenant = {tenant:String} AND hour >= toDateTime({since:Int64}, 'UTC') AND hour < toDateTime({until:Int64}, 'UTC')) AS hour,
    (SELECT sum(version) FROM edge_days WHERE tenant = {tenant:String} AND day >= toDateTime({since:Int64}, 'UTC') AND day < toDateTime({until:Int64}, 'UTC')) AS day
