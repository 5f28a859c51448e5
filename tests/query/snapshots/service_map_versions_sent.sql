WITH fromUnixTimestamp64Nano({before_from:Int64}, 'UTC') AS before_from, fromUnixTimestamp64Nano({before_to:Int64}, 'UTC') AS before_to, fromUnixTimestamp64Nano({after_from:Int64}, 'UTC') AS after_from, fromUnixTimestamp64Nano({after_to:Int64}, 'UTC') AS after_to
SELECT
    service,
    arraySort(groupUniqArrayIf(version, earlier)) AS before,
    arraySort(groupUniqArrayIf(version, NOT earlier)) AS after
FROM
(
    SELECT service::String AS service, resource_id, ts < after_from AS earlier
    FROM spans
    WHERE tenant = {tenant:String} AND service IN {services:Array(String)} AND ((ts >= before_from AND ts < before_to) OR (ts >= after_from AND ts < after_to))
    GROUP BY service, resource_id, earlier
) AS sent
INNER JOIN
(
    SELECT id, any(attributes)['service.version'] AS version FROM resources WHERE tenant = {tenant:String} GROUP BY id HAVING version != ''
) AS known ON sent.resource_id = known.id
GROUP BY service
