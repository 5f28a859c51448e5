WITH known AS
(
    SELECT
        metric, type::String AS metric_type, unit, monotonic,
        argMax(description, last_seen) AS shown_description,
        arraySort(groupUniqArray(temporality::String)) AS temporalities,
        arraySort(groupUniqArrayIf(100)(service, in_range)) AS services,
        uniqExactIf(service, in_range) AS services_total,
        uniqExactIf(series, in_range) AS series_total,
        toUnixTimestamp64Milli(min(first_seen)) AS first,
        toUnixTimestamp64Milli(max(last_seen)) AS last
    FROM
    (
        SELECT *,
            last_seen >= fromUnixTimestamp64Milli({from:Int64}, 'UTC')
            AND first_seen < fromUnixTimestamp64Milli({to:Int64}, 'UTC')
            AND ({service:String} = '' OR service = {service:String}) AS in_range
        FROM metric_series
        WHERE tenant = {tenant:String}
            AND ({name:String} = '' OR positionCaseInsensitiveUTF8(metric, {name:String}) > 0)
    )
    GROUP BY metric, metric_type, unit, monotonic
)
SELECT *, count() OVER () AS total,
    metric IN (SELECT metric FROM metric_limits FINAL WHERE tenant = {tenant:String} AND is_full) AS is_full
FROM
(
    SELECT *,
        length(groupUniqArray(metric_type) OVER same_name) > 1 AS other_type,
        length(groupUniqArray(unit) OVER same_name) > 1 AS other_unit,
        metric_type = 'sum' AND length(groupUniqArrayIf(monotonic, metric_type = 'sum') OVER same_name) > 1
            AS other_monotonic
    FROM known
    WINDOW same_name AS (PARTITION BY metric)
) AS named
LEFT JOIN
(
    SELECT metric, sum(points) AS refused
    FROM metric_refused
    WHERE tenant = {tenant:String}
        AND hour >= toStartOfHour(fromUnixTimestamp64Milli({from:Int64}, 'UTC'))
        AND hour < fromUnixTimestamp64Milli({to:Int64}, 'UTC')
    GROUP BY metric
) AS left_out USING metric
WHERE series_total > 0 AND ({type:String} = '' OR metric_type = {type:String})
ORDER BY metric, metric_type, unit, monotonic
LIMIT {limit:UInt32} OFFSET {offset:UInt32}
