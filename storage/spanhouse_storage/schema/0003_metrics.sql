-- Metrics: from frames of raw OTLP requests to series and points by type (docs/adr/0012).
--
-- Tables remember their inserts and sync as those of traces do, and attributes are cut as there (0001_traces.sql).

-- What INSERT ... FORMAT Protobuf writes to (message MetricsFrame of otlp.proto). It stores nothing; the views below do.
CREATE TABLE IF NOT EXISTS otlp_metrics_in
(
    tenant String,
    received_at UInt64,
    metrics Tuple(resource_metrics Array(Tuple(
        resource Tuple(
            attributes Array(Tuple(key String, value Tuple(kind Enum8('absent' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, array_value String, kvlist_value String, bytes_value String))),
            dropped_attributes_count UInt32),
        scope_metrics Array(Tuple(
            scope Tuple(
                name String,
                version String,
                attributes Array(Tuple(key String, value Tuple(kind Enum8('absent' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, array_value String, kvlist_value String, bytes_value String))),
                dropped_attributes_count UInt32),
            metrics Array(Tuple(
                name String,
                description String,
                unit String,
                gauge Tuple(data_points Array(Tuple(
                    attributes Array(Tuple(key String, value Tuple(kind Enum8('absent' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, array_value String, kvlist_value String, bytes_value String))),
                    start_time_unix_nano UInt64,
                    time_unix_nano UInt64,
                    as_double Nullable(Float64),
                    as_int Nullable(Int64),
                    exemplars Array(Tuple(filtered_attributes Array(Tuple(key String, value Tuple(kind Enum8('absent' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, array_value String, kvlist_value String, bytes_value String))), time_unix_nano UInt64, as_double Nullable(Float64), as_int Nullable(Int64), span_id String, trace_id String)),
                    flags UInt32))),
                sum Tuple(
                    data_points Array(Tuple(
                        attributes Array(Tuple(key String, value Tuple(kind Enum8('absent' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, array_value String, kvlist_value String, bytes_value String))),
                        start_time_unix_nano UInt64,
                        time_unix_nano UInt64,
                        as_double Nullable(Float64),
                        as_int Nullable(Int64),
                        exemplars Array(Tuple(filtered_attributes Array(Tuple(key String, value Tuple(kind Enum8('absent' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, array_value String, kvlist_value String, bytes_value String))), time_unix_nano UInt64, as_double Nullable(Float64), as_int Nullable(Int64), span_id String, trace_id String)),
                        flags UInt32)),
                    aggregation_temporality Int32,
                    is_monotonic Bool),
                histogram Tuple(
                    data_points Array(Tuple(
                        attributes Array(Tuple(key String, value Tuple(kind Enum8('absent' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, array_value String, kvlist_value String, bytes_value String))),
                        start_time_unix_nano UInt64,
                        time_unix_nano UInt64,
                        count UInt64,
                        sum Nullable(Float64),
                        bucket_counts Array(UInt64),
                        explicit_bounds Array(Float64),
                        exemplars Array(Tuple(filtered_attributes Array(Tuple(key String, value Tuple(kind Enum8('absent' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, array_value String, kvlist_value String, bytes_value String))), time_unix_nano UInt64, as_double Nullable(Float64), as_int Nullable(Int64), span_id String, trace_id String)),
                        flags UInt32,
                        min Nullable(Float64),
                        max Nullable(Float64))),
                    aggregation_temporality Int32),
                exponential_histogram Tuple(
                    data_points Array(Tuple(
                        attributes Array(Tuple(key String, value Tuple(kind Enum8('absent' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, array_value String, kvlist_value String, bytes_value String))),
                        start_time_unix_nano UInt64,
                        time_unix_nano UInt64,
                        count UInt64,
                        sum Nullable(Float64),
                        scale Int32,
                        zero_count UInt64,
                        positive Tuple(offset Int32, bucket_counts Array(UInt64)),
                        negative Tuple(offset Int32, bucket_counts Array(UInt64)),
                        flags UInt32,
                        exemplars Array(Tuple(filtered_attributes Array(Tuple(key String, value Tuple(kind Enum8('absent' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, array_value String, kvlist_value String, bytes_value String))), time_unix_nano UInt64, as_double Nullable(Float64), as_int Nullable(Int64), span_id String, trace_id String)),
                        min Nullable(Float64),
                        max Nullable(Float64),
                        zero_threshold Float64)),
                    aggregation_temporality Int32),
                summary Tuple(data_points Array(Tuple(
                    attributes Array(Tuple(key String, value Tuple(kind Enum8('absent' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, array_value String, kvlist_value String, bytes_value String))),
                    start_time_unix_nano UInt64,
                    time_unix_nano UInt64,
                    count UInt64,
                    sum Float64,
                    quantile_values Array(Tuple(quantile Float64, value Float64)),
                    flags UInt32))))),
            schema_url String)),
        schema_url String)))
)
ENGINE = Null;

-- A series is a metric's name with its type, unit and temporality, its scope, what sent it and the attributes of its points
-- in whatever order: `series` in the tables of points is the hash of all of these. Two types or units of one name are two
-- series. service: of the resource, which is resources.id = resource_id. description: the last one that was sent.
CREATE TABLE IF NOT EXISTS metric_series
(
    tenant LowCardinality(String),
    metric LowCardinality(String),
    series UInt64,
    type SimpleAggregateFunction(any, Enum8('gauge' = 1, 'sum' = 2, 'histogram' = 3, 'exponential_histogram' = 4, 'summary' = 5)),
    unit SimpleAggregateFunction(any, String),
    description SimpleAggregateFunction(anyLast, String),
    temporality SimpleAggregateFunction(any, Enum8('unspecified' = 0, 'delta' = 1, 'cumulative' = 2)),
    monotonic SimpleAggregateFunction(any, Bool),
    service SimpleAggregateFunction(any, String),
    resource_id SimpleAggregateFunction(any, UInt64),
    scope_name SimpleAggregateFunction(any, String),
    attributes SimpleAggregateFunction(any, Map(String, String)),
    attribute_types SimpleAggregateFunction(any, String),
    first_seen SimpleAggregateFunction(min, DateTime64(3, 'UTC')),
    last_seen SimpleAggregateFunction(max, DateTime64(3, 'UTC'))
)
ENGINE = AggregatingMergeTree
ORDER BY (tenant, metric, series)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

-- Metrics of which there are as many series as may be (`max_series`): further ones are refused. The collector writes here, as
-- often as that changes; the last row of a metric counts.
CREATE TABLE IF NOT EXISTS metric_limits
(
    tenant LowCardinality(String),
    metric LowCardinality(String),
    is_full Bool,
    at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(at)
ORDER BY (tenant, metric);

-- One row a metric of a request, on its way to the tables below. It stores nothing either: each step down is planned once,
-- because planning is what an insert of few points spends its time on. Of the lists of points one is not empty; series and
-- attributes are of its points, in their order. refused: how many points are left out, of new series of a full metric: known
-- are those that were seen within a week, because each insert reads them all.
CREATE TABLE IF NOT EXISTS metrics_in
(
    tenant LowCardinality(String),
    received_at UInt64,
    metric LowCardinality(String),
    type Enum8('gauge' = 1, 'sum' = 2, 'histogram' = 3, 'exponential_histogram' = 4, 'summary' = 5),
    unit LowCardinality(String),
    description String,
    temporality Enum8('unspecified' = 0, 'delta' = 1, 'cumulative' = 2),
    monotonic Bool,
    service LowCardinality(String),
    resource_id UInt64,
    scope_name LowCardinality(String),
    series Array(UInt64),
    attributes Array(Array(Tuple(key String, value Tuple(kind Enum8('absent' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, array_value String, kvlist_value String, bytes_value String)))),
    refused UInt32,
    numbers Array(Tuple(attributes Array(Tuple(key String, value Tuple(kind Enum8('absent' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, array_value String, kvlist_value String, bytes_value String))), start_time_unix_nano UInt64, time_unix_nano UInt64, as_double Nullable(Float64), as_int Nullable(Int64), exemplars Array(Tuple(filtered_attributes Array(Tuple(key String, value Tuple(kind Enum8('absent' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, array_value String, kvlist_value String, bytes_value String))), time_unix_nano UInt64, as_double Nullable(Float64), as_int Nullable(Int64), span_id String, trace_id String)), flags UInt32)),
    histograms Array(Tuple(attributes Array(Tuple(key String, value Tuple(kind Enum8('absent' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, array_value String, kvlist_value String, bytes_value String))), start_time_unix_nano UInt64, time_unix_nano UInt64, count UInt64, sum Nullable(Float64), bucket_counts Array(UInt64), explicit_bounds Array(Float64), exemplars Array(Tuple(filtered_attributes Array(Tuple(key String, value Tuple(kind Enum8('absent' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, array_value String, kvlist_value String, bytes_value String))), time_unix_nano UInt64, as_double Nullable(Float64), as_int Nullable(Int64), span_id String, trace_id String)), flags UInt32, min Nullable(Float64), max Nullable(Float64))),
    exponential_histograms Array(Tuple(attributes Array(Tuple(key String, value Tuple(kind Enum8('absent' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, array_value String, kvlist_value String, bytes_value String))), start_time_unix_nano UInt64, time_unix_nano UInt64, count UInt64, sum Nullable(Float64), scale Int32, zero_count UInt64, positive Tuple(offset Int32, bucket_counts Array(UInt64)), negative Tuple(offset Int32, bucket_counts Array(UInt64)), flags UInt32, exemplars Array(Tuple(filtered_attributes Array(Tuple(key String, value Tuple(kind Enum8('absent' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, array_value String, kvlist_value String, bytes_value String))), time_unix_nano UInt64, as_double Nullable(Float64), as_int Nullable(Int64), span_id String, trace_id String)), min Nullable(Float64), max Nullable(Float64), zero_threshold Float64)),
    summaries Array(Tuple(attributes Array(Tuple(key String, value Tuple(kind Enum8('absent' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, array_value String, kvlist_value String, bytes_value String))), start_time_unix_nano UInt64, time_unix_nano UInt64, count UInt64, sum Float64, quantile_values Array(Tuple(quantile Float64, value Float64)), flags UInt32))
)
ENGINE = Null;

CREATE MATERIALIZED VIEW IF NOT EXISTS metrics_mv TO metrics_in AS
SELECT
    tenant, received_at, metric, type, unit, description, temporality, monotonic, service, resource_id, scope_name,
    if(is_full, arrayFilter((s, k) -> k, all_series, known), all_series) AS series,
    if(is_full, arrayFilter((a, k) -> k, all_attributes, known), all_attributes) AS attributes,
    if(is_full, length(all_series) - length(series), 0) AS refused,
    if(is_full AND notEmpty(all_numbers), arrayFilter((p, k) -> k, all_numbers, known), all_numbers) AS numbers,
    if(is_full AND notEmpty(all_histograms), arrayFilter((p, k) -> k, all_histograms, known), all_histograms) AS histograms,
    if(is_full AND notEmpty(all_exponential_histograms), arrayFilter((p, k) -> k, all_exponential_histograms, known), all_exponential_histograms) AS exponential_histograms,
    if(is_full AND notEmpty(all_summaries), arrayFilter((p, k) -> k, all_summaries, known), all_summaries) AS summaries
FROM
(
    SELECT
        *,
        (tenant, metric) IN (SELECT tenant, metric FROM metric_limits FINAL WHERE is_full) AS is_full,
        if(is_full, arrayMap(s -> s IN (SELECT series FROM metric_series WHERE (tenant, metric) IN (SELECT tenant, metric FROM metric_limits FINAL WHERE is_full) AND last_seen >= now() - INTERVAL 7 DAY), all_series), []) AS known
    FROM
    (
        SELECT
            tenant, received_at, metric, type, unit, description, temporality, monotonic, service, resource_id, scope_name,
            numbers AS all_numbers, histograms AS all_histograms, exponential_histograms AS all_exponential_histograms, summaries AS all_summaries,
            arrayConcat(numbers.attributes, histograms.attributes, exponential_histograms.attributes, summaries.attributes) AS all_attributes,
            arrayMap(list -> sipHash64(metric, type, unit, temporality, monotonic, resource_id, scope_name, arraySum(arrayMap(a -> cityHash64(a.key, a.value.kind, a.value.string_value, a.value.bool_value, a.value.int_value, a.value.double_value, a.value.array_value, a.value.kvlist_value, a.value.bytes_value), list))), all_attributes) AS all_series
        FROM
        (
            SELECT
                tenant, received_at, service, resource_id, scope_name,
                m.name AS metric,
                m.unit AS unit,
                m.description AS description,
                multiIf(notEmpty(m.gauge.data_points), 1, notEmpty(m.sum.data_points), 2, notEmpty(m.histogram.data_points), 3, notEmpty(m.exponential_histogram.data_points), 4, 5)::Int8 AS type,
                transform(greatest(m.sum.aggregation_temporality, m.histogram.aggregation_temporality, m.exponential_histogram.aggregation_temporality), [1, 2], [1, 2], 0)::Int8 AS temporality,
                m.sum.is_monotonic AS monotonic,
                arrayConcat(m.gauge.data_points, m.sum.data_points) AS numbers,
                m.histogram.data_points AS histograms,
                m.exponential_histogram.data_points AS exponential_histograms,
                m.summary.data_points AS summaries
            FROM
            (
                SELECT tenant, received_at, service, resource_id, scope_metrics.scope.name AS scope_name, arrayJoin(scope_metrics.metrics) AS m
                FROM
                (
                    SELECT
                        tenant,
                        received_at,
                        arrayFirst(a -> a.key = 'service.name', resource_metrics.resource.attributes).value.string_value AS named,
                        if(named = '', 'unknown_service', named) AS service,
                        sipHash64(resource_metrics.resource.attributes.key, resource_metrics.resource.attributes.value, resource_metrics.resource.dropped_attributes_count, resource_metrics.schema_url) AS resource_id,
                        arrayJoin(resource_metrics.scope_metrics) AS scope_metrics
                    FROM (SELECT tenant, received_at, arrayJoin(metrics.resource_metrics) AS resource_metrics FROM otlp_metrics_in)
                )
            )
            WHERE metric != ''
        )
    )
);

CREATE MATERIALIZED VIEW IF NOT EXISTS metric_series_mv TO metric_series AS
WITH
    v -> multiIf(length(v.string_value) > 65536, replaceRegexpOne(toValidUTF8(substring(v.string_value, 1, 65536)), '\\x{FFFD}$', ''), v.kind = 'string_value', v.string_value, v.kind = 'int_value', toString(v.int_value), v.kind = 'bool_value', toString(v.bool_value), v.kind = 'double_value', toString(v.double_value), base64Encode(if(length(v.array_value) + length(v.kvlist_value) > 65536, '', concat(v.array_value, v.kvlist_value, substring(v.bytes_value, 1, 65536))))) AS as_text,
    list -> CAST((arraySlice(arrayMap(a -> a.key, list), 1, 1024), arraySlice(arrayMap(a -> as_text(a.value), list), 1, 1024)), 'Map(LowCardinality(String), String)') AS as_map,
    list -> substring(arrayStringConcat(arrayMap(a -> substring('nsbidakx', a.value.kind::UInt8 + 1, 1), list)), 1, 1024) AS as_types
SELECT
    tenant, metric, series, type, unit, description, temporality, monotonic, service, resource_id, scope_name,
    as_map(list) AS attributes,
    as_types(list) AS attribute_types,
    fromUnixTimestamp64Milli(intDiv(received_at, 1000000)::Int64, 'UTC') AS first_seen,
    fromUnixTimestamp64Milli(intDiv(received_at, 1000000)::Int64, 'UTC') AS last_seen
FROM
(
    SELECT
        tenant, received_at, metric, series, type, unit, description, temporality, monotonic, service, resource_id, scope_name,
        attributes AS list
    FROM metrics_in
    ARRAY JOIN series, attributes
    LIMIT 1 BY tenant, series
);

-- Points that were acknowledged and refused, because their metric had as many series as may be.
CREATE TABLE IF NOT EXISTS metric_refused
(
    tenant LowCardinality(String),
    metric LowCardinality(String),
    hour DateTime('UTC'),
    points UInt64
)
ENGINE = SummingMergeTree
ORDER BY (tenant, metric, hour)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS metric_refused_mv TO metric_refused AS
SELECT tenant, metric, toStartOfHour(fromUnixTimestamp64Nano(received_at::Int64, 'UTC')) AS hour, sum(refused)::UInt64 AS points
FROM metrics_in
WHERE refused > 0
GROUP BY tenant, metric, hour;

-- What sends metrics, beside what sends spans.
CREATE MATERIALIZED VIEW IF NOT EXISTS metric_resources_mv TO resources AS
WITH
    v -> multiIf(length(v.string_value) > 65536, replaceRegexpOne(toValidUTF8(substring(v.string_value, 1, 65536)), '\\x{FFFD}$', ''), v.kind = 'string_value', v.string_value, v.kind = 'int_value', toString(v.int_value), v.kind = 'bool_value', toString(v.bool_value), v.kind = 'double_value', toString(v.double_value), base64Encode(if(length(v.array_value) + length(v.kvlist_value) > 65536, '', concat(v.array_value, v.kvlist_value, substring(v.bytes_value, 1, 65536))))) AS as_text,
    list -> CAST((arraySlice(arrayMap(a -> a.key, list), 1, 1024), arraySlice(arrayMap(a -> as_text(a.value), list), 1, 1024)), 'Map(LowCardinality(String), String)') AS as_map,
    list -> substring(arrayStringConcat(arrayMap(a -> substring('nsbidakx', a.value.kind::UInt8 + 1, 1), list)), 1, 1024) AS as_types
SELECT
    tenant,
    id,
    if(named = '', 'unknown_service', named) AS service,
    as_map(list) AS attributes,
    as_types(list) AS attribute_types,
    dropped + greatest(length(list), 1024) - 1024 AS dropped_attributes,
    schema_url,
    fromUnixTimestamp64Milli(intDiv(min(received_at), 1000000)::Int64, 'UTC') AS first_seen,
    fromUnixTimestamp64Milli(intDiv(max(received_at), 1000000)::Int64, 'UTC') AS last_seen
FROM
(
    SELECT
        tenant,
        received_at,
        resource_metrics.resource.attributes AS list,
        resource_metrics.resource.dropped_attributes_count AS dropped,
        resource_metrics.schema_url AS schema_url,
        arrayFirst(a -> a.key = 'service.name', list).value.string_value AS named,
        sipHash64(list.key, list.value, dropped, schema_url) AS id
    FROM (SELECT tenant, received_at, arrayJoin(metrics.resource_metrics) AS resource_metrics FROM otlp_metrics_in)
)
GROUP BY tenant, id, named, list, dropped, schema_url;

-- Points of gauges and sums. value is Prometheus' stale marker (the NaN 0x7ff0000000000002) where nothing was recorded
-- (flags & 1); integer is set where one was sent, because not every integer is a double. started is 1970 where none was sent.
--
-- The views take the points of the window in which a clock is believed, as that of spans does: 30 days back, one hour ahead
-- of the arrival; and none that contradict themselves. The collector rejects the same ones (signals/points.py).
CREATE TABLE IF NOT EXISTS metric_numbers
(
    tenant LowCardinality(String),
    metric LowCardinality(String),
    series UInt64 CODEC(ZSTD(1)),
    ts DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    started DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    value Float64 CODEC(Gorilla, ZSTD(1)),
    integer Nullable(Int64) CODEC(ZSTD(1)),
    flags UInt32 CODEC(ZSTD(1)),
    exemplars Array(Tuple(ts DateTime64(3, 'UTC'), value Float64, trace_id String, span_id String, attributes Map(LowCardinality(String), String))) CODEC(ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toDate(ts)
ORDER BY (tenant, metric, toStartOfFifteenMinutes(ts), series, ts)
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1, vertical_merge_algorithm_min_rows_to_activate = 1, vertical_merge_algorithm_min_columns_to_activate = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS metric_numbers_mv TO metric_numbers AS
WITH
    v -> multiIf(length(v.string_value) > 65536, replaceRegexpOne(toValidUTF8(substring(v.string_value, 1, 65536)), '\\x{FFFD}$', ''), v.kind = 'string_value', v.string_value, v.kind = 'int_value', toString(v.int_value), v.kind = 'bool_value', toString(v.bool_value), v.kind = 'double_value', toString(v.double_value), base64Encode(if(length(v.array_value) + length(v.kvlist_value) > 65536, '', concat(v.array_value, v.kvlist_value, substring(v.bytes_value, 1, 65536))))) AS as_text,
    list -> CAST((arraySlice(arrayMap(a -> a.key, list), 1, 1024), arraySlice(arrayMap(a -> as_text(a.value), list), 1, 1024)), 'Map(LowCardinality(String), String)') AS as_map
SELECT
    tenant,
    metric,
    series,
    fromUnixTimestamp64Milli(intDiv(p.time_unix_nano, 1000000)::Int64, 'UTC') AS ts,
    fromUnixTimestamp64Milli(intDiv(p.start_time_unix_nano, 1000000)::Int64, 'UTC') AS started,
    if(bitTest(p.flags, 0), reinterpretAsFloat64(9218868437227405314::UInt64), coalesce(p.as_double, p.as_int::Nullable(Float64), nan)) AS value,
    p.as_int AS integer,
    p.flags AS flags,
    arrayMap(e -> (fromUnixTimestamp64Milli(intDiv(e.time_unix_nano, 1000000)::Int64, 'UTC'), coalesce(e.as_double, e.as_int::Nullable(Float64), nan), e.trace_id, e.span_id, as_map(e.filtered_attributes)), p.exemplars) AS exemplars
FROM (SELECT tenant, received_at, metric, series, p FROM metrics_in ARRAY JOIN if(empty(numbers), [], series) AS series, numbers AS p)
WHERE p.time_unix_nano BETWEEN received_at - 30 * 86400 * 1000000000 AND received_at + 3600 * 1000000000
    AND (isNotNull(p.as_double) OR isNotNull(p.as_int) OR bitAnd(p.flags, 1) = 1);

-- Points of histograms with bounds of their own: counts has one more than bounds has, or both are empty.
CREATE TABLE IF NOT EXISTS metric_histograms
(
    tenant LowCardinality(String),
    metric LowCardinality(String),
    series UInt64 CODEC(ZSTD(1)),
    ts DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    started DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    count UInt64 CODEC(Delta, ZSTD(1)),
    sum Nullable(Float64) CODEC(ZSTD(1)),
    min Nullable(Float64) CODEC(ZSTD(1)),
    max Nullable(Float64) CODEC(ZSTD(1)),
    bounds Array(Float64) CODEC(ZSTD(1)),
    counts Array(UInt64) CODEC(ZSTD(1)),
    flags UInt32 CODEC(ZSTD(1)),
    exemplars Array(Tuple(ts DateTime64(3, 'UTC'), value Float64, trace_id String, span_id String, attributes Map(LowCardinality(String), String))) CODEC(ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toDate(ts)
ORDER BY (tenant, metric, toStartOfFifteenMinutes(ts), series, ts)
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1, vertical_merge_algorithm_min_rows_to_activate = 1, vertical_merge_algorithm_min_columns_to_activate = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS metric_histograms_mv TO metric_histograms AS
WITH
    v -> multiIf(length(v.string_value) > 65536, replaceRegexpOne(toValidUTF8(substring(v.string_value, 1, 65536)), '\\x{FFFD}$', ''), v.kind = 'string_value', v.string_value, v.kind = 'int_value', toString(v.int_value), v.kind = 'bool_value', toString(v.bool_value), v.kind = 'double_value', toString(v.double_value), base64Encode(if(length(v.array_value) + length(v.kvlist_value) > 65536, '', concat(v.array_value, v.kvlist_value, substring(v.bytes_value, 1, 65536))))) AS as_text,
    list -> CAST((arraySlice(arrayMap(a -> a.key, list), 1, 1024), arraySlice(arrayMap(a -> as_text(a.value), list), 1, 1024)), 'Map(LowCardinality(String), String)') AS as_map
SELECT
    tenant,
    metric,
    series,
    fromUnixTimestamp64Milli(intDiv(p.time_unix_nano, 1000000)::Int64, 'UTC') AS ts,
    fromUnixTimestamp64Milli(intDiv(p.start_time_unix_nano, 1000000)::Int64, 'UTC') AS started,
    p.count AS count,
    p.sum AS sum,
    p.min AS min,
    p.max AS max,
    p.explicit_bounds AS bounds,
    p.bucket_counts AS counts,
    p.flags AS flags,
    arrayMap(e -> (fromUnixTimestamp64Milli(intDiv(e.time_unix_nano, 1000000)::Int64, 'UTC'), coalesce(e.as_double, e.as_int::Nullable(Float64), nan), e.trace_id, e.span_id, as_map(e.filtered_attributes)), p.exemplars) AS exemplars
FROM (SELECT tenant, received_at, metric, series, p FROM metrics_in ARRAY JOIN if(empty(histograms), [], series) AS series, histograms AS p)
WHERE p.time_unix_nano BETWEEN received_at - 30 * 86400 * 1000000000 AND received_at + 3600 * 1000000000
    AND (bitAnd(p.flags, 1) = 1 OR empty(p.bucket_counts) AND empty(p.explicit_bounds)
        OR length(p.bucket_counts) = length(p.explicit_bounds) + 1 AND arraySum(arrayMap(c -> c::UInt128, p.bucket_counts)) = p.count
            AND NOT arrayExists(b -> isNaN(b), p.explicit_bounds) AND arrayAll((a, b) -> a < b, arrayPopBack(p.explicit_bounds), arrayPopFront(p.explicit_bounds)));

-- Points of exponential histograms: bucket i of a side, counted from 0, holds the magnitudes in
-- (base^(offset + i), base^(offset + i + 1)] with base = 2^(2^-scale).
CREATE TABLE IF NOT EXISTS metric_exponential_histograms
(
    tenant LowCardinality(String),
    metric LowCardinality(String),
    series UInt64 CODEC(ZSTD(1)),
    ts DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    started DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    count UInt64 CODEC(Delta, ZSTD(1)),
    sum Nullable(Float64) CODEC(ZSTD(1)),
    min Nullable(Float64) CODEC(ZSTD(1)),
    max Nullable(Float64) CODEC(ZSTD(1)),
    scale Int32 CODEC(ZSTD(1)),
    zero_count UInt64 CODEC(ZSTD(1)),
    zero_threshold Float64 CODEC(ZSTD(1)),
    positive_offset Int32 CODEC(ZSTD(1)),
    positive_counts Array(UInt64) CODEC(ZSTD(1)),
    negative_offset Int32 CODEC(ZSTD(1)),
    negative_counts Array(UInt64) CODEC(ZSTD(1)),
    flags UInt32 CODEC(ZSTD(1)),
    exemplars Array(Tuple(ts DateTime64(3, 'UTC'), value Float64, trace_id String, span_id String, attributes Map(LowCardinality(String), String))) CODEC(ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toDate(ts)
ORDER BY (tenant, metric, toStartOfFifteenMinutes(ts), series, ts)
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1, vertical_merge_algorithm_min_rows_to_activate = 1, vertical_merge_algorithm_min_columns_to_activate = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS metric_exponential_histograms_mv TO metric_exponential_histograms AS
WITH
    v -> multiIf(length(v.string_value) > 65536, replaceRegexpOne(toValidUTF8(substring(v.string_value, 1, 65536)), '\\x{FFFD}$', ''), v.kind = 'string_value', v.string_value, v.kind = 'int_value', toString(v.int_value), v.kind = 'bool_value', toString(v.bool_value), v.kind = 'double_value', toString(v.double_value), base64Encode(if(length(v.array_value) + length(v.kvlist_value) > 65536, '', concat(v.array_value, v.kvlist_value, substring(v.bytes_value, 1, 65536))))) AS as_text,
    list -> CAST((arraySlice(arrayMap(a -> a.key, list), 1, 1024), arraySlice(arrayMap(a -> as_text(a.value), list), 1, 1024)), 'Map(LowCardinality(String), String)') AS as_map
SELECT
    tenant,
    metric,
    series,
    fromUnixTimestamp64Milli(intDiv(p.time_unix_nano, 1000000)::Int64, 'UTC') AS ts,
    fromUnixTimestamp64Milli(intDiv(p.start_time_unix_nano, 1000000)::Int64, 'UTC') AS started,
    p.count AS count,
    p.sum AS sum,
    p.min AS min,
    p.max AS max,
    p.scale AS scale,
    p.zero_count AS zero_count,
    p.zero_threshold AS zero_threshold,
    p.positive.offset AS positive_offset,
    p.positive.bucket_counts AS positive_counts,
    p.negative.offset AS negative_offset,
    p.negative.bucket_counts AS negative_counts,
    p.flags AS flags,
    arrayMap(e -> (fromUnixTimestamp64Milli(intDiv(e.time_unix_nano, 1000000)::Int64, 'UTC'), coalesce(e.as_double, e.as_int::Nullable(Float64), nan), e.trace_id, e.span_id, as_map(e.filtered_attributes)), p.exemplars) AS exemplars
FROM (SELECT tenant, received_at, metric, series, p FROM metrics_in ARRAY JOIN if(empty(exponential_histograms), [], series) AS series, exponential_histograms AS p)
WHERE p.time_unix_nano BETWEEN received_at - 30 * 86400 * 1000000000 AND received_at + 3600 * 1000000000
    AND (bitAnd(p.flags, 1) = 1 OR p.zero_count::UInt128 + arraySum(arrayMap(c -> c::UInt128, p.positive.bucket_counts)) + arraySum(arrayMap(c -> c::UInt128, p.negative.bucket_counts)) = p.count);

-- Points of summaries, whose quantiles cannot be added up.
CREATE TABLE IF NOT EXISTS metric_summaries
(
    tenant LowCardinality(String),
    metric LowCardinality(String),
    series UInt64 CODEC(ZSTD(1)),
    ts DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    started DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    count UInt64 CODEC(Delta, ZSTD(1)),
    sum Float64 CODEC(ZSTD(1)),
    quantiles Array(Tuple(quantile Float64, value Float64)) CODEC(ZSTD(1)),
    flags UInt32 CODEC(ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toDate(ts)
ORDER BY (tenant, metric, toStartOfFifteenMinutes(ts), series, ts)
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1, vertical_merge_algorithm_min_rows_to_activate = 1, vertical_merge_algorithm_min_columns_to_activate = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS metric_summaries_mv TO metric_summaries AS
SELECT
    tenant,
    metric,
    series,
    fromUnixTimestamp64Milli(intDiv(p.time_unix_nano, 1000000)::Int64, 'UTC') AS ts,
    fromUnixTimestamp64Milli(intDiv(p.start_time_unix_nano, 1000000)::Int64, 'UTC') AS started,
    p.count AS count,
    p.sum AS sum,
    p.quantile_values AS quantiles,
    p.flags AS flags
FROM (SELECT tenant, received_at, metric, series, p FROM metrics_in ARRAY JOIN if(empty(summaries), [], series) AS series, summaries AS p)
WHERE p.time_unix_nano BETWEEN received_at - 30 * 86400 * 1000000000 AND received_at + 3600 * 1000000000;
