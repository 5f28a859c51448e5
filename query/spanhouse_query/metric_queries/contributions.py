"""The rule of increments.py in the engine: for histograms, whose buckets are better added up where they are.

What a point adds to its window is the point itself and, where that is a difference, the point before, taken away. So a
point is added to its own window and taken away from that of the next one; where both are the same, it is of no account.
That is so for all but the last points of a cumulative series in each window: what is left is few.
"""

from __future__ import annotations

from spanhouse_query.metric_queries.windows import Windows

IN_ORDER = "optimize_aggregation_in_order = 1, aggregation_in_order_max_block_bytes = 2000000"
"""Points are read series by series, a few of them at a time."""


def contributions_sql(table: str, point: str, point_type: str) -> str:
    """Rows (grp, number, weight, point, smallest, largest, is_empty), number is that of the window.

    point: a tuple of type `point_type`: its instant and since when it counts (both in ms), the count, the smallest and
    the largest observation, and more. weight: 1 for a point that adds, -1 for one to be taken away, 0 for a row that
    has no point but tells what is known of the extremes of an increment, and whether it is an increment of nothing. Of
    two points of a series and instant one is taken. Series are the {{ids}}, in {{groups}}, and {{cumulative}} or not.
    """
    return f"""SELECT
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
                    n, 0::Int64, defaultValueOfTypeName('{point_type}'),
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
                    t -> if(t <= {{from:Int64}}, -1, intDiv(t - {{from:Int64}} - 1, {{step:Int64}})), points.1
                ) AS numbers,
                arrayMap(
                    (s, c, bt, bs, bc) -> if(
                        bt = 0, s >= {{read_from:Int64}}, (s > 0 AND s != bs AND s >= bt) OR c < bc
                    ) OR NOT cumulative,
                    points.2, points.3, instants_before, starts_before, counts_before
                ) AS whole,
                arrayMap(
                    (t, s, bt, w) -> t > {{from:Int64}}
                        AND (NOT cumulative OR ((bt > 0 OR w) AND (s = 0 OR s != t))),
                    points.1, points.2, instants_before, whole
                ) AS known
            FROM
            (
                SELECT
                    transform(series, {{ids:Array(UInt64)}}, {{groups:Array(UInt32)}}, 0) AS grp,
                    transform(series, {{ids:Array(UInt64)}}, {{cumulative:Array(UInt8)}}, 0) AS cumulative,
                    arrayFilter(
                        (x, before) -> x.1 != before, sorted, arrayPushFront(arrayPopBack(sorted.1), -1)
                    ) AS points
                FROM
                (
                    SELECT series, arraySort(x -> x.1, groupArray({point})) AS sorted
                    FROM {table}
                    WHERE tenant = {{tenant:String}} AND metric = {{metric:String}}
                        AND series IN {{ids:Array(UInt64)}}
                        AND ts >= fromUnixTimestamp64Milli({{read_from:Int64}}, 'UTC')
                        AND ts <= fromUnixTimestamp64Milli({{to:Int64}}, 'UTC')
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
    ) AS entry"""


def window_parameters(windows: Windows, lookback: int) -> dict[str, int]:
    """from, to, step and read_from: milliseconds. lookback: how far before the windows the point before may be."""
    start = max(0, windows.start)
    return {"from": start, "to": windows.end, "step": windows.step, "read_from": max(1, start - lookback)}
