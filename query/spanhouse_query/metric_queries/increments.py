"""What was added in each window, from points that say it (delta) or that say how much it is by now (cumulative).

A point's increment belongs to the window in which the point lies, whole. It is, as OpenTelemetry's data model has it
(resets and gaps):
- of a delta point, its value;
- of a cumulative one, the difference to the point before, where both count from the same start;
- its whole value where it counts from a start after that (a restart, a gap), where a monotonic value fell, and where no
  point was before it and it began to count while points were looked for;
- none where it begins to count at its own instant (nothing is known of before), or is the first that is known.
So the increments of windows side by side add up to that of all of them, and nothing is extrapolated.
"""

from __future__ import annotations

from dataclasses import dataclass

from spanhouse_query.metric_queries.windows import Windows

IN_ORDER = "optimize_aggregation_in_order = 1"
"""Points are read series by series, so that no more than one series is held at a time."""


@dataclass(frozen=True, slots=True)
class Accumulated:
    """Columns of a table. guard: what never falls unless counting begins anew. amounts: what is counted."""

    table: str
    guard: str
    amounts: tuple[str, ...]


NUMBERS = Accumulated("metric_numbers", "value", ("value",))
COUNT_AND_SUM = ("toFloat64(count)", "ifNull(sum::Nullable(Float64), nan)")
TABLES = {
    "sum": NUMBERS,
    "histogram": Accumulated("metric_histograms", "toFloat64(count)", COUNT_AND_SUM),
    "exponential_histogram": Accumulated("metric_exponential_histograms", "toFloat64(count)", COUNT_AND_SUM),
    "summary": Accumulated("metric_summaries", "toFloat64(count)", COUNT_AND_SUM),
}

_POINT = "Tuple(Int64, Int64, Float64, Array(Float64))"
_RESTARTED = (
    "if(b.1 = 0, p.2 >= {read_from:Int64}, "
    "(p.2 > 0 AND p.2 != b.2 AND p.2 >= b.1) OR ({monotonic:UInt8} AND p.3 < b.3))"
)
"""p: a point, b: the one before it, of which the instant is 0 where there is none."""


def paired_sql(table: str, point: str, point_type: str, selected: str, *, condition: str = "true") -> str:
    """Rows (series, keys, cumulative, p, b) of points and the point before each, of the points with an increment.

    point: a tuple of its instant, since when it counts (both in ms), the guard and more. Of two points of a series and
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
                AND bitAnd(flags, 1) = 0 AND {condition}
            GROUP BY series
        ) AS found
        ANY INNER JOIN ({selected}) AS chosen USING series
    )
    ARRAY JOIN arrayZip(points, arrayPushFront(arrayPopBack(points), defaultValueOfTypeName('{point_type}'))) AS pair
    WHERE p.1 >= {{from:Int64}}
        AND (NOT cumulative OR ((b.1 > 0 OR restarted) AND (p.2 = 0 OR p.2 != p.1)))"""


def increments_sql(what: Accumulated, selected: str, key: str = "keys") -> str:
    """One row a group: key, the sum of its first amount and its windows as (number, amounts), the greatest sum first.

    key: what a group is by, `keys` or `series`.
    """
    point = f"(toUnixTimestamp64Milli(ts), toUnixTimestamp64Milli(started), {what.guard}, [{', '.join(what.amounts)}])"
    paired = paired_sql(what.table, point, _POINT, selected, condition=f"NOT isNaN({what.guard})")
    return f"""
SELECT key, sum(amounts[1]) AS total, groupArray((number, amounts)) AS windows
FROM
(
    SELECT
        {key} AS key,
        intDiv(p.1 - {{from:Int64}}, {{step:Int64}}) AS number,
        sumForEach(if(
            NOT cumulative OR restarted, p.4, arrayMap((x, y) -> x - y, p.4, arrayResize(b.4, length(p.4)))
        )) AS amounts
    FROM ({paired})
    GROUP BY key, number
)
GROUP BY key
ORDER BY total DESC, key
LIMIT {{limit:UInt64}}
SETTINGS {IN_ORDER}
"""


def window_parameters(windows: Windows, lookback: int) -> dict[str, int]:
    """from, to, step and read_from: milliseconds. lookback: how far before the windows the point before may be."""
    start = max(0, windows.start)
    return {"from": start, "to": windows.end, "step": windows.step, "read_from": max(1, start - lookback)}
