"""What points had in five minutes, an hour or a day, instead of the points themselves (docs/adr/0014).

A window of a tier is what `*_over_time` looks at when it is evaluated at the window's end. So functions of windows that
are made of whole ones say the same from a tier as from the points, but for NaN, which tiers leave out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from spanhouse_query.reader import Reader
from spanhouse_query.series.matrix import Matrix
from spanhouse_query.series.source import Leaf, Series
from spanhouse_query.series.stored.fetching import Stretch
from spanhouse_query.series.stored.grids import ABSENT, SETTINGS, decoded, seconds
from spanhouse_query.tiers import TierName

_HOUR = 3_600_000
# Over less, the points are read as fast.
_LONG = 12 * _HOUR


@dataclass(frozen=True, slots=True)
class Tier:
    """A tier. milliseconds: of a window. made: under which length `metric_rolled` tells how far it has come."""

    name: TierName
    table: str
    milliseconds: int
    made: int


@dataclass(frozen=True, slots=True)
class _Figure:
    """What is read of a window, how the points would say it, and how the engine puts windows together."""

    column: str
    of_points: str
    function: str


TIERS = (
    Tier("day", "metric_numbers_1d", 24 * _HOUR, 86_400),
    Tier("hour", "metric_numbers_1h", _HOUR, 3_600),
    Tier("five_minutes", "metric_numbers_5m", 300_000, 3_600),
)
_SUM = _Figure("sum", "sum(value)", "Sum")
_COUNT = _Figure("count::Float64", "count()::Float64", "Sum")
_FIGURES: Mapping[str, tuple[_Figure, ...]] = {
    "sum_over_time": (_SUM,),
    "count_over_time": (_COUNT,),
    "avg_over_time": (_SUM, _COUNT),
    "min_over_time": (_Figure("min", "min(value)", "Min"),),
    "max_over_time": (_Figure("max", "max(value)", "Max"),),
    "last_over_time": (_Figure("last", "argMax(value, ts)", "Last"),),
}

# The end of the first window of which points came that are not in the tier, unix seconds; 0 without one.
_NOT_MADE = """
SELECT toUnixTimestamp(minOrDefault(a.window)) AS first
FROM
(
    SELECT
        toDateTime(intDiv(toUnixTimestamp(until) + {made:UInt32} - 1, {made:UInt32}) * {made:UInt32}, 'UTC') AS window,
        max(arrived) AS newest
    FROM metric_arrivals
    WHERE tenant = {tenant:String}
        AND until > fromUnixTimestamp64Milli({after:Int64}, 'UTC')
        AND until < fromUnixTimestamp64Milli({until:Int64}, 'UTC') + INTERVAL 1 DAY
    GROUP BY window
) AS a
LEFT JOIN
(
    SELECT until AS window, seen FROM metric_rolled FINAL WHERE tenant = {tenant:String} AND seconds = {made:UInt32}
) AS r USING window
WHERE a.newest >= r.seen
"""

_GRIDS = """
SELECT
    series,
    false AS doubtful,
    arrayMap(
        x -> ifNull(x, reinterpretAsFloat64({absent}::UInt64)),
        timeSeries{function}ToGrid('{start}', '{end}', '{step}', '{window}')(at, figure)
    ) AS grid
FROM
(
    SELECT series, until::DateTime64(3, 'UTC') AS at, {column} AS figure
    FROM {table} FINAL
    WHERE tenant = {{tenant:String}} AND metric IN {{metrics:Array(String)}} AND series IN {{ids:Array(UInt64)}}
        AND until > fromUnixTimestamp64Milli({{after:Int64}}, 'UTC')
        AND until <= fromUnixTimestamp64Milli({{made_until:Int64}}, 'UTC')
    UNION ALL
    SELECT
        series,
        fromUnixTimestamp64Milli(intDiv(toUnixTimestamp64Milli(ts) + {length} - 1, {length}) * {length}, 'UTC') AS at,
        {of_points} AS figure
    FROM
    (
        SELECT series, ts, value FROM metric_numbers
        WHERE {where} AND ts > fromUnixTimestamp64Milli({{made_until:Int64}}, 'UTC') AND NOT isNaN(value)
        LIMIT 1 BY series, ts
    )
    GROUP BY series, at
)
GROUP BY series
ORDER BY series
"""


def tier_of(leaf: Leaf, series: Series) -> Tier | None:
    """The coarsest tier that can stand for the points of a series; None where they have to be read."""
    steps = leaf.steps
    of_numbers = series.part == "value" and series.metric.type in ("gauge", "sum") and len(series.ids) == 1
    if leaf.function not in _FIGURES or not of_numbers or steps.last - steps.start + leaf.window < _LONG:
        return None
    lengths = (leaf.window, steps.start, steps.step if steps.count > 1 else 0)
    return next((tier for tier in TIERS if not any(length % tier.milliseconds for length in lengths)), None)


async def from_tier(reader: Reader, tier: Tier, stretch: Stretch, series: Sequence[Series], leaf: Leaf) -> Matrix:
    """A row for each of the series that has anything; what the tier has not come to yet is read from the points."""
    made_until = await _made_until(reader, tier, stretch)
    reader.note_tier(tier.name)
    found = [
        await _figure(reader, tier, stretch, series, leaf, figure, made_until) for figure in _FIGURES[leaf.function]
    ]
    if len(found) == 1:
        return found[0]
    sums, counts = found  # of the same windows, so that both have the same rows
    return Matrix(sums.labels, sums.values / counts.values, sums.present)


async def _made_until(reader: Reader, tier: Tier, stretch: Stretch) -> int:
    """Up to where the tier has all points of the stretch, unix milliseconds."""
    asked = {"made": tier.made, "after": stretch.after, "until": stretch.until}
    first: int = (await reader.rows(_NOT_MADE, asked))[0]["first"]
    return min(stretch.until, max(stretch.after, (first - tier.made) * 1000)) if first else stretch.until


async def _figure(
    reader: Reader, tier: Tier, stretch: Stretch, series: Sequence[Series], leaf: Leaf, figure: _Figure, made_until: int
) -> Matrix:
    steps = leaf.steps
    sql = _GRIDS.format(
        absent=ABSENT,
        function=figure.function,
        start=seconds(steps.start),
        end=seconds(steps.last),
        step=seconds(steps.step if steps.count > 1 else 1000),
        window=seconds(leaf.window),
        column=figure.column,
        of_points=figure.of_points,
        table=tier.table,
        length=tier.milliseconds,
        where=stretch.where,
    )
    bound = {**stretch.parameters, "made_until": made_until}
    return decoded(await reader.raw(sql, output="RowBinary", settings=SETTINGS, **bound), series, leaf).matrix
