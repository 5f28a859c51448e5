INSERT INTO spans (tenant, ts, trace_id, span_id, parent_span_id, service, name, kind, duration, status, resource_id, scope_name,
    attributes, attribute_types, flags)
SELECT
    {tenant:String}, ts, trace_id, reinterpretAsFixedString(cityHash64(number, 1)),
    if(place = 0, toFixedString('', 8), reinterpretAsFixedString(cityHash64(number - place + [0, 0, 1, 2, 3, 2, 5, 6][place + 1], 1))),
    service, name, kind, duration, if(failed, 'error', 'unset'), cityHash64(service, instance), 'mesh',
    CAST((
        [['http.request.method', 'http.route', 'url.path', 'http.response.status_code', 'server.address', 'client.address', 'user_agent.original'],
         ['http.request.method', 'url.full', 'http.response.status_code', 'server.address', 'server.port'],
         ['code.function.name', 'item.id', 'item.count', 'cache.hit'],
         ['db.system.name', 'db.namespace', 'db.operation.name', 'db.query.text', 'server.address'],
         ['messaging.system', 'messaging.destination.name', 'messaging.operation.type', 'messaging.message.id', 'server.address']][shape],
        [['GET', route, concat('/items/', item), code, service, address, 'python-requests/2.32'],
         ['GET', concat('http://', backend, '/items/', item), code, backend, '8080'],
         ['render', item, toString(chance % 7), if(chance % 3 = 0, 'true', 'false')],
         ['postgresql', 'shop', 'SELECT', 'SELECT name, price FROM items WHERE id = $1', 'db.internal'],
         ['kafka', 'orders', if(place = 5, 'send', 'process'), item, 'kafka.internal']][shape]
    ), 'Map(LowCardinality(String), String)') AS attributes,
    repeat('s', length(attributes)), 257
FROM
(
    SELECT *,
        [gateway, gateway, backend, backend, backend, backend, worker, worker][place + 1] AS service,
        [concat('GET ', route), 'GET', concat('GET ', route), 'render', 'SELECT shop.items', 'send orders', 'process orders', 'render'][place + 1] AS name,
        [1, 2, 1, 3, 4, 5, 5, 3][place + 1] AS shape,
        if(failed, '500', '200') AS code,
        concat('10.0.', toString(chance % 200), '.', toString(intDiv(chance, 200) % 250)) AS address
    FROM
    (
        SELECT
            number, place, chance, trace_id, ts,
            concat('gateway-', leftPad(toString(front), 2, '0')) AS gateway,
            concat('backend-', leftPad(toString((front * 3 + intDiv(draw, 12) % 6) % 36), 2, '0')) AS backend,
            concat('worker-', leftPad(toString((front * 3 + intDiv(draw, 12) % 6) % 12), 2, '0')) AS worker,
            ['/items/{id}', '/cart', '/checkout', '/search', '/'][1 + intDiv(draw, 72) % 5] AS route,
            toString(intDiv(chance, 1000) % 1000000) AS item,
            intDiv(draw, 360) % 3 AS instance,
            chance % 97 = 0 AS failed,
            ['server', 'client', 'server', 'internal', 'client', 'producer', 'consumer', 'internal'][place + 1] AS kind,
            -- Log-normal, by the sum of four bytes of chance.
            ([4e7, 2e7, 1.5e7, 1e7, 3e6, 1e6, 8e6, 5e6][place + 1] * exp(0.6 / 147.8
                * (chance % 256 + intDiv(chance, 256) % 256 + intDiv(chance, 65536) % 256 + intDiv(chance, 16777216) % 256 - 510.)))::UInt64 AS duration
        FROM
        (
            SELECT number, number % 8 AS place, intDiv(number, 8) AS trace, cityHash64(number) AS chance, cityHash64(trace, 2) AS draw,
                draw % 12 AS front, sipHash128(trace)::FixedString(16) AS trace_id,
                fromUnixTimestamp64Nano({minute:Int64} * 1000000000
                    + intDiv((trace - {before:UInt64})::Int64 * 59000000000, {in_minute:Int64}) + place::Int64 * 1000000, 'UTC') AS ts
            FROM numbers({first:UInt64} * 8, {count:UInt64} * 8)
        )
    )
)
SETTINGS max_threads = 1, max_insert_threads = 1, max_block_size = 262144, min_insert_block_size_rows = 262144,
    min_insert_block_size_bytes = 1073741824
