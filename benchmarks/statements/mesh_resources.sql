INSERT INTO resources (tenant, id, service, attributes, attribute_types, dropped_attributes, schema_url, first_seen, last_seen)
SELECT
    {tenant:String}, cityHash64(service, instance), service,
    map('service.name', service, 'service.namespace', concat('team-', toString(number % 5)), 'service.version', '1.4.2',
        'service.instance.id', concat(service, '-', toString(instance)), 'host.name', concat('host-', toString(number % 12)),
        'cloud.region', if(instance = 2, 'region-b', 'region-a')),
    'ssssss', 0, '', now64(3), now64(3)
FROM
(
    SELECT number, intDiv(number, 60) AS instance, number % 60 AS n,
        multiIf(n < 12, concat('gateway-', leftPad(toString(n), 2, '0')), n < 48, concat('backend-', leftPad(toString(n - 12), 2, '0')),
            concat('worker-', leftPad(toString(n - 48), 2, '0'))) AS service
    FROM numbers(180)
)
