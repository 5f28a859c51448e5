"""The rule of increments.py in the engine: for points that hold arrays, which are better added up where they are."""

from __future__ import annotations

from spanhouse_query.metric_queries.windows import Windows

IN_ORDER = "optimize_aggregation_in_order = 1, aggregation_in_order_max_block_bytes = 2000000"
"""Points are read series by series, a few of them at a time."""


_RESTARTED = "if(b.1 = 0, p.2 >= {read_from:Int64}, (p.2 > 0 AND p.2 != b.2 AND p.2 >= b.1) OR p.3 < b.3)"
"""p: a point, b: the one before it, whose instant is 0 where there is none. Counts never fall."""


def paired_sql(table: str, point: str, point_type: str, selected: str) -> str:
    """Rows (series, keys, cumulative, p, b, restarted) of points with an increment, and the point before each.

    point: a tuple of its instant, since when it counts (both in ms), the count and more. Of two points of a series and
    instant one is taken.
    """
    return f"""SELECT series, keys, cumulative, pair.1 AS p, pair.2 AS b, ({_RESTARTED}) AS restarted
    FROM
    (
        SELECT
            series, keys, cumulative,
            arrayFilter((x, before) -> x.1 != before, sorted, arrayPushFront(arrayPopBack(sorted.1), -1)) AS points
        FROM
        (
            SELECT series, arraySort(x -> x.1, groupArray({point})) AS sorted
            FROM {table}
            WHERE tenant = {{tenant:String}} AND metric = {{metric:String}}
                AND series IN (SELECT series FROM ({selected}))
                AND ts >= fromUnixTimestamp64Milli({{read_from:Int64}}, 'UTC')
                AND ts < fromUnixTimestamp64Milli({{to:Int64}}, 'UTC')
                AND bitAnd(flags, 1) = 0
            GROUP BY series
        ) AS found
        ANY INNER JOIN ({selected}) AS chosen USING series
    )
    ARRAY JOIN arrayZip(points, arrayPushFront(arrayPopBack(points), defaultValueOfTypeName('{point_type}'))) AS pair
    WHERE p.1 >= {{from:Int64}}
        AND (NOT cumulative OR ((b.1 > 0 OR restarted) AND (p.2 = 0 OR p.2 != p.1)))"""


def window_parameters(windows: Windows, lookback: int) -> dict[str, int]:
    """from, to, step and read_from: milliseconds. lookback: how far before the windows the point before may be."""
    start = max(0, windows.start)
    return {"from": start, "to": windows.end, "step": windows.step, "read_from": max(1, start - lookback)}
