WITH fromUnixTimestamp64Nano({before_from:Int64}, 'UTC') AS before_from, fromUnixTimestamp64Nano({before_to:Int64}, 'UTC') AS before_to, fromUnixTimestamp64Nano({after_from:Int64}, 'UTC') AS after_from, fromUnixTimestamp64Nano({after_to:Int64}, 'UTC') AS after_to
SELECT
    service,
    arraySort(groupUniqArrayIf(version, first < before_to AND last >= before_from)) AS before,
    arraySort(groupUniqArrayIf(version, first < after_to AND last >= after_from)) AS after
FROM
(
    SELECT any(r.service) AS service, any(attributes)['service.version'] AS version, min(first_seen) AS first, max(last_seen) AS last
    FROM resources AS r
    WHERE tenant = {tenant:String}
    GROUP BY id
    HAVING version != '' AND service IN {services:Array(String)}
)
GROUP BY service
