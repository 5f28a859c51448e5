INSERT INTO edge_minutes (tenant, minute, version)
SELECT {tenant:String}, toDateTime({since:Int64} + number * 60, 'UTC') AS minute, (toUnixTimestamp(minute) + 90) * 1000
FROM numbers({minutes:UInt64})
