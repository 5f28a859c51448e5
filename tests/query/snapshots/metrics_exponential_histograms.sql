SELECT grp,
    groupArray((number, scale, threshold, zero, positive, negative,
        smallest, largest, without_smallest, without_largest)) AS parts
FROM
(
    SELECT
        grp, number, point.6 AS scale, point.7 AS threshold, sum(point.8 * weight) AS zero,
        sumMap(arrayMap(i -> point.9.1 + i, range(length(point.9.2))), arrayMap(x -> x * weight, point.9.2)) AS positive, sumMap(arrayMap(i -> point.10.1 + i, range(length(point.10.2))), arrayMap(x -> x * weight, point.10.2)) AS negative,
        min(c.smallest) AS smallest, max(c.largest) AS largest,
        countIf(NOT is_empty AND c.smallest IS NULL) AS without_smallest,
        countIf(NOT is_empty AND c.largest IS NULL) AS without_largest
    FROM (SELECT
        grp, entry.1 AS number, entry.2 AS weight, entry.3 AS point,
        entry.4 AS smallest, entry.5 AS largest, entry.6 AS is_empty
    FROM
    (
        SELECT
            grp, points, numbers, known, whole,
            arrayMap((k, w) -> k AND NOT w, known, whole) AS differs,
            arrayPushBack(arrayPopFront(differs), false) AS next_differs,
            arrayPushBack(arrayPopFront(numbers), -2) AS next_numbers,
            arrayMap((k, n, d, m) -> k AND NOT (d AND m = n), known, numbers, next_differs, next_numbers) AS adds,
            arrayMap((k, n, d, m) -> d AND NOT (k AND m = n), known, numbers, next_differs, next_numbers) AS takes,
            arrayMap(
                (n, w, x, c, b) -> (
                    n, 0::Int64, defaultValueOfTypeName('Tuple(Int64, Int64, Float64, Nullable(Float64), Nullable(Float64), Int32, Float64, Int64, Tuple(Int32, Array(Int64)), Tuple(Int32, Array(Int64)))'),
                    if(w, x.1, NULL), if(w, x.2, NULL), if(w, c = 0, c = b)
                ),
                numbers, whole, arrayZip(points.4, points.5), points.3, counts_before
            ) AS extremes
        FROM
        (
            SELECT
                grp, points,
                arrayPushFront(arrayPopBack(points.1), 0) AS instants_before,
                arrayPushFront(arrayPopBack(points.2), 0) AS starts_before,
                arrayPushFront(arrayPopBack(points.3), 0.) AS counts_before,
                arrayMap(
                    t -> if(t <= {from:Int64}, -1, intDiv(t - {from:Int64} - 1, {step:Int64})), points.1
                ) AS numbers,
                arrayMap(
                    (s, c, bt, bs, bc) -> if(
                        bt = 0, s >= {read_from:Int64}, (s > 0 AND s != bs AND s >= bt) OR c < bc
                    ) OR NOT cumulative,
                    points.2, points.3, instants_before, starts_before, counts_before
                ) AS whole,
                arrayMap(
                    (t, s, bt, w) -> t > {from:Int64}
                        AND (NOT cumulative OR ((bt > 0 OR w) AND (s = 0 OR s != t))),
                    points.1, points.2, instants_before, whole
                ) AS known
            FROM
            (
                SELECT
                    transform(series, {ids:Array(UInt64)}, {groups:Array(UInt32)}, 0) AS grp,
                    transform(series, {ids:Array(UInt64)}, {cumulative:Array(UInt8)}, 0) AS cumulative,
                    arrayFilter(
                        (x, before) -> x.1 != before, sorted, arrayPushFront(arrayPopBack(sorted.1), -1)
                    ) AS points
                FROM
                (
                    SELECT series, arraySort(x -> x.1, groupArray((toUnixTimestamp64Milli(ts), toUnixTimestamp64Milli(started), toFloat64(count), min, max, scale, zero_threshold, zero_count::Int64, (positive_offset, positive_counts::Array(Int64)), (negative_offset, negative_counts::Array(Int64))))) AS sorted
                    FROM metric_exponential_histograms
                    WHERE tenant = {tenant:String} AND metric = {metric:String}
                        AND series IN {ids:Array(UInt64)}
                        AND ts >= fromUnixTimestamp64Milli({read_from:Int64}, 'UTC')
                        AND ts <= fromUnixTimestamp64Milli({to:Int64}, 'UTC')
                        AND bitAnd(flags, 1) = 0
                    GROUP BY series
                )
            )
        )
    )
    ARRAY JOIN arrayConcat(
        arrayMap((n, x) -> (n, 1::Int64, x, NULL, NULL, true), arrayFilter((n, f) -> f, numbers, adds),
            arrayFilter((x, f) -> f, points, adds)),
        arrayMap((n, x) -> (n, -1::Int64, x, NULL, NULL, true), arrayFilter((n, f) -> f, next_numbers, takes),
            arrayFilter((x, f) -> f, points, takes)),
        arrayFilter((x, f) -> f, extremes, known)
    ) AS entry) AS c
    GROUP BY grp, number, scale, threshold
)
GROUP BY grp
SETTINGS optimize_aggregation_in_order = 1, aggregation_in_order_max_block_bytes = 2000000
