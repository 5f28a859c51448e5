SELECT key, sum(zero + arraySum(positive.2) + arraySum(negative.2)) AS observations,
    groupArray((number, scale, threshold, zero, positive, negative,
        smallest, largest, without_smallest, without_largest)) AS parts
FROM
(
    SELECT keys AS key, number, part.1 AS scale, part.2 AS threshold, sum(part.3 * part.6) AS zero,
        sumMap(arrayMap(i -> part.4.1 + i, range(length(part.4.2))), arrayMap(x -> x * part.6, part.4.2)) AS positive, sumMap(arrayMap(i -> part.5.1 + i, range(length(part.5.2))), arrayMap(x -> x * part.6, part.5.2)) AS negative, min(small) AS smallest, max(large) AS largest,
        countIf(NOT is_empty AND small IS NULL) AS without_smallest,
        countIf(NOT is_empty AND large IS NULL) AS without_largest
    FROM
    (
        SELECT keys, intDiv(p.1 - {from:Int64}, {step:Int64}) AS number, if((NOT cumulative OR restarted), p.4, NULL) AS small, if((NOT cumulative OR restarted), p.5, NULL) AS large,
        (NOT cumulative OR restarted) AND p.3 = 0 OR NOT (NOT cumulative OR restarted) AND p.3 = b.3 AS is_empty,
            if(
                (NOT cumulative OR restarted), [(p.6, p.7, p.8, p.9, p.10, 1::Int64)],
                [(p.6, p.7, p.8, p.9, p.10, 1::Int64), (b.6, b.7, b.8, b.9, b.10, -1::Int64)]
            ) AS bucketed
        FROM (SELECT series, keys, cumulative, pair.1 AS p, pair.2 AS b, (if(b.1 = 0, p.2 >= {read_from:Int64}, (p.2 > 0 AND p.2 != b.2 AND p.2 >= b.1) OR p.3 < b.3)) AS restarted
    FROM
    (
        SELECT
            series, keys, cumulative,
            arrayFilter((x, before) -> x.1 != before, sorted, arrayPushFront(arrayPopBack(sorted.1), -1)) AS points
        FROM
        (
            SELECT series, arraySort(x -> x.1, groupArray((toUnixTimestamp64Milli(ts), toUnixTimestamp64Milli(started), toFloat64(count), min, max, scale, zero_threshold, zero_count::Int64, (positive_offset, positive_counts::Array(Int64)), (negative_offset, negative_counts::Array(Int64))))) AS sorted
            FROM metric_exponential_histograms
            WHERE tenant = {tenant:String} AND metric = {metric:String}
                AND series IN (SELECT series FROM (SELECT 1 AS selected))
                AND ts >= fromUnixTimestamp64Milli({read_from:Int64}, 'UTC')
                AND ts < fromUnixTimestamp64Milli({to:Int64}, 'UTC')
                AND bitAnd(flags, 1) = 0
            GROUP BY series
        ) AS found
        ANY INNER JOIN (SELECT 1 AS selected) AS chosen USING series
    )
    ARRAY JOIN arrayZip(points, arrayPushFront(arrayPopBack(points), defaultValueOfTypeName('Tuple(Int64, Int64, Float64, Nullable(Float64), Nullable(Float64), Int32, Float64, Int64, Tuple(Int32, Array(Int64)), Tuple(Int32, Array(Int64)))'))) AS pair
    WHERE p.1 >= {from:Int64}
        AND (NOT cumulative OR ((b.1 > 0 OR restarted) AND (p.2 = 0 OR p.2 != p.1))))
    )
    ARRAY JOIN bucketed AS part
    GROUP BY key, number, scale, threshold
)
GROUP BY key
ORDER BY observations DESC, key
LIMIT {limit:UInt64}
SETTINGS optimize_aggregation_in_order = 1, aggregation_in_order_max_block_bytes = 2000000
