"""The statements that make tiers: five minutes of points, and coarser units of finer ones.

Bound are tenant, since and until (unix seconds), seen (unix milliseconds), which becomes the version of the rows, and
which slice of the series is made, of how many.
"""

# ruff: noqa: S608 - what is put into statements here are names of this module; values are bound

from __future__ import annotations

from dataclasses import dataclass

_CHOSEN = "tenant = {tenant:String} AND series % {slices:UInt32} = {slice:UInt32}"
_DELTA = f"series IN (SELECT series FROM metric_series WHERE {_CHOSEN} AND temporality = 'delta')"
_COUNTER = f"series IN (SELECT series FROM metric_series WHERE {_CHOSEN} AND monotonic)"
_VERSION = "fromUnixTimestamp64Milli({seen:Int64}, 'UTC')"
# In milliseconds: the engine leaves out parts whose points are all less than a second after a DateTime.
_SINCE = "fromUnixTimestamp64Milli({since:Int64} * 1000, 'UTC')"
_UNTIL = "fromUnixTimestamp64Milli({until:Int64} * 1000, 'UTC')"
_IN_ORDER = "arraySort(groupArray((began, opening, closing)))"
# What a series gained from one value to the next: it began anew where it fell.
_GAINS = (
    "arraySum(arrayMap((later, earlier) -> if(later < earlier, later, later - earlier), "
    "arrayPopFront({0}), arrayPopBack({1})))"
)


def _window(milliseconds: str, seconds: int) -> str:
    """The end of the window of so many seconds that an instant is in."""
    length = seconds * 1000
    return f"toDateTime(intDiv({milliseconds} + {length - 1}, {length}) * {seconds}, 'UTC')"


def _sketch(chosen: str, magnitude: str) -> str:
    """Counts by bucket of the values of `v` that are chosen; doubles beyond the last bucket count in that."""
    bucket = f"if(x = 0, -32768, least(greatest(ceil(log2({magnitude}) * 32) - 1, -32767), 32767))::Int16"
    values = f"arrayFilter(x -> {chosen}, if(is_counter, [], v))"
    return f"arrayReduce('sumMap', arrayMap(x -> map({bucket}, 1::Float64), {values}))"


# Points of an instant count once, the greatest of them; what is no number counts nowhere.
OF_POINTS = f"""
INSERT INTO metric_numbers_5m
SELECT
    {{tenant:String}}, metric, series, until, {_VERSION},
    length(v), arraySum(v), arrayMin(v), arrayMax(v), times[1], v[1], times[-1], v[-1],
    if(is_delta, arraySum(v), {_GAINS.format("v", "v")}),
    {_sketch("x >= 0", "x")}, {_sketch("x < 0", "-x")}
FROM
(
    SELECT
        metric, series, until, is_delta, is_counter,
        arrayMap(x -> fromUnixTimestamp64Milli(x.1, 'UTC'), p) AS times,
        arrayMap(x -> x.2, p) AS v
    FROM
    (
        SELECT
            metric, series, until,
            {_DELTA} AS is_delta,
            {_COUNTER} AS is_counter,
            arrayFilter((x, next) -> x.1 != next, points, arrayPushBack(arrayPopFront(points.1), 0)) AS p
        FROM
        (
            SELECT
                metric, series, {_window("toUnixTimestamp64Milli(ts)", 300)} AS until,
                arraySort(groupArray((toUnixTimestamp64Milli(ts), value))) AS points
            FROM metric_numbers
            WHERE {_CHOSEN} AND NOT isNaN(value)
                AND ts > {_SINCE} AND ts <= {_UNTIL}
            GROUP BY metric, series, until
        )
    )
)
"""


@dataclass(frozen=True, slots=True)
class Tier:
    """A tier: its table, and how many seconds a window of it has."""

    table: str
    seconds: int


FIVE_MINUTES = Tier("metric_numbers_5m", 300)
HOURS = Tier("metric_numbers_1h", 3600)
DAYS = Tier("metric_numbers_1d", 86_400)


def of_finer(tier: Tier, finer: Tier) -> str:
    """Windows of `tier` made of those of `finer`: the same as if they were made of the points."""
    return f"""
INSERT INTO {tier.table}
SELECT
    {{tenant:String}}, metric, series, window, {_VERSION},
    sum(n), sum(total), min(least_), max(greatest_),
    min(began), argMin(opening, began), max(ended), argMax(closing, ended),
    sum(gained) + if({_DELTA}, 0, {_GAINS.format(f"{_IN_ORDER}.2", f"{_IN_ORDER}.3")}),
    sumMap(above), sumMap(below)
FROM
(
    SELECT
        metric, series, {_window("toUnixTimestamp(until) * 1000", tier.seconds)} AS window,
        count AS n, sum AS total, min AS least_, max AS greatest_,
        first_ts AS began, first AS opening, last_ts AS ended, last AS closing,
        increase AS gained, positive AS above, negative AS below
    FROM {finer.table} FINAL
    WHERE {_CHOSEN}
        AND until > toDateTime({{since:Int64}}, 'UTC') AND until <= toDateTime({{until:Int64}}, 'UTC')
)
GROUP BY metric, series, window
"""
