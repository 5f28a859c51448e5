-- Points of gauges and sums by five minutes, hour and day (docs/adr/0014).

-- Until which hour points have come, and when the last of them did. The hours of metrics end where they are told and begin
-- just after the one before ended, as the windows of PromQL do: 10:00 has what was measured after 9:00, 10:00 included, in
-- milliseconds as points have them.
CREATE TABLE IF NOT EXISTS metric_arrivals
(
    tenant LowCardinality(String),
    until DateTime('UTC'),
    arrived SimpleAggregateFunction(max, DateTime64(3, 'UTC'))
)
ENGINE = AggregatingMergeTree
ORDER BY (tenant, until)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS metric_arrivals_mv TO metric_arrivals AS
SELECT tenant, toDateTime(hour * 3600, 'UTC') AS until, now64(3, 'UTC') AS arrived
FROM
(
    SELECT DISTINCT tenant, arrayJoin(arrayDistinct(arrayMap(t -> intDiv(intDiv(t, 1000000) + 3599999, 3600000), arrayFilter(t -> t BETWEEN received_at - 30 * 86400 * 1000000000 AND received_at + 3600 * 1000000000, numbers.time_unix_nano)))) AS hour
    FROM metrics_in
    WHERE notEmpty(numbers)
);

-- Which hours and days are there: `seen` is up to when what arrived is in them. A later row of one replaces it.
CREATE TABLE IF NOT EXISTS metric_rolled
(
    tenant LowCardinality(String),
    seconds UInt32,
    until DateTime('UTC'),
    seen DateTime64(3, 'UTC'),
    published DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(published)
ORDER BY (tenant, seconds, until)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- What a series had in (until - 5 min, until]: a later row of the same window replaces it (FINAL). count, sum, min and max
-- are of the values that are numbers; first and last too, at their instants. increase: of a cumulative sum, from the first
-- to the last of them, with what it had reached before each restart; of a delta sum, all of it. Sketches (docs/adr/0004) are
-- of gauges and of sums that may fall: bucket i holds the magnitudes in (2^(i/32), 2^((i+1)/32)], -32768 holds zeros.
CREATE TABLE IF NOT EXISTS metric_numbers_5m
(
    tenant LowCardinality(String),
    metric LowCardinality(String),
    series UInt64 CODEC(ZSTD(1)),
    until DateTime('UTC') CODEC(DoubleDelta, ZSTD(1)),
    version DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    count UInt64 CODEC(ZSTD(1)),
    sum Float64 CODEC(ZSTD(1)),
    min Float64 CODEC(ZSTD(1)),
    max Float64 CODEC(ZSTD(1)),
    first_ts DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    first Float64 CODEC(Gorilla, ZSTD(1)),
    last_ts DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    last Float64 CODEC(Gorilla, ZSTD(1)),
    increase Float64 CODEC(ZSTD(1)),
    positive Map(Int16, Float64) CODEC(ZSTD(1)),
    negative Map(Int16, Float64) CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toDate(until)
ORDER BY (tenant, metric, series, until)
SETTINGS ttl_only_drop_parts = 1, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS metric_numbers_1h AS metric_numbers_5m
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(until)
ORDER BY (tenant, metric, series, until)
SETTINGS ttl_only_drop_parts = 1, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS metric_numbers_1d AS metric_numbers_5m
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYear(until)
ORDER BY (tenant, metric, series, until)
SETTINGS ttl_only_drop_parts = 1, fsync_after_insert = 1, fsync_part_directory = 1;
