SELECT key, sum(arraySum(total)) AS observations,
    groupArray((number, bounds, total, smallest, largest, without_smallest, without_largest)) AS parts
FROM
(
    SELECT keys AS key, number, part.1 AS bounds, sumForEach(part.2) AS total, min(small) AS smallest, max(large) AS largest,
        countIf(NOT is_empty AND small IS NULL) AS without_smallest,
        countIf(NOT is_empty AND large IS NULL) AS without_largest
    FROM
    (
        SELECT keys, intDiv(p.1 - {from:Int64}, {step:Int64}) AS number, if((NOT cumulative OR restarted), p.4, NULL) AS small, if((NOT cumulative OR restarted), p.5, NULL) AS large,
        (NOT cumulative OR restarted) AND p.3 = 0 OR NOT (NOT cumulative OR restarted) AND p.3 = b.3 AS is_empty,
            multiIf(
                (NOT cumulative OR restarted), [(p.6, p.7)],
                p.6 = b.6, [(p.6, arrayMap((x, y) -> x - y, p.7, arrayResize(b.7, length(p.7))))],
                [(p.6, p.7), (b.6, arrayMap(x -> -x, b.7))]
            ) AS bucketed
        FROM (SELECT series, keys, cumulative, pair.1 AS p, pair.2 AS b, (if(b.1 = 0, p.2 >= {read_from:Int64}, (p.2 > 0 AND p.2 != b.2 AND p.2 >= b.1) OR p.3 < b.3)) AS restarted
    FROM
    (
        SELECT
            series, keys, cumulative,
            arrayFilter((x, before) -> x.1 != before, sorted, arrayPushFront(arrayPopBack(sorted.1), -1)) AS points
        FROM
        (
            SELECT series, arraySort(x -> x.1, groupArray((toUnixTimestamp64Milli(ts), toUnixTimestamp64Milli(started), toFloat64(count), min, max, if(length(counts) = length(bounds) + 1 AND arraySort(bounds) = bounds AND NOT arrayExists(x -> isNaN(x), bounds), bounds, []), if(length(counts) = length(bounds) + 1 AND arraySort(bounds) = bounds AND NOT arrayExists(x -> isNaN(x), bounds), counts, [count])::Array(Int64)))) AS sorted
            FROM metric_histograms
            WHERE tenant = {tenant:String} AND metric = {metric:String}
                AND series IN (SELECT series FROM (SELECT 1 AS selected))
                AND ts >= fromUnixTimestamp64Milli({read_from:Int64}, 'UTC')
                AND ts < fromUnixTimestamp64Milli({to:Int64}, 'UTC')
                AND bitAnd(flags, 1) = 0
            GROUP BY series
        ) AS found
        ANY INNER JOIN (SELECT 1 AS selected) AS chosen USING series
    )
    ARRAY JOIN arrayZip(points, arrayPushFront(arrayPopBack(points), defaultValueOfTypeName('Tuple(Int64, Int64, Float64, Nullable(Float64), Nullable(Float64), Array(Float64), Array(Int64))'))) AS pair
    WHERE p.1 >= {from:Int64}
        AND (NOT cumulative OR ((b.1 > 0 OR restarted) AND (p.2 = 0 OR p.2 != p.1))))
    )
    ARRAY JOIN bucketed AS part
    GROUP BY key, number, bounds
)
GROUP BY key
ORDER BY observations DESC, key
LIMIT {limit:UInt64}
SETTINGS optimize_aggregation_in_order = 1, aggregation_in_order_max_block_bytes = 2000000
