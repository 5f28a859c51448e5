INSERT INTO resources (tenant, id, service, attributes, attribute_types, dropped_attributes, schema_url, first_seen, last_seen)
SELECT {tenant:String}, cityHash64(number), concat('service-', leftPad(toString(number), 2, '0')) AS service, map('service.name', service),
    's', 0, '', now64(3), now64(3)
FROM numbers({services:UInt64})
