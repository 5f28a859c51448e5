"""What the rollup has published of a range: how far it has come, and which of its units are up to date.

The stamp of a unit is the sum of the versions of the minutes that it was made of (docs/adr/0008).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from spanhouse_query.config import DAY, HOUR, SECOND
from spanhouse_query.reader import Reader
from spanhouse_query.tiers import DAYS, HOURS, MINUTES, TIERS, Part, Tier
from spanhouse_query.time_range import TimeRange

Stamps = Mapping[int, int]
# The sums of the versions of each tier.
Published = tuple[int, ...]


def _within(column: str) -> str:
    return (
        f"tenant = {{tenant:String}} AND {column} >= toDateTime({{since:Int64}}, 'UTC')"
        f" AND {column} < toDateTime({{until:Int64}}, 'UTC')"
    )


def published_sql(tiers: Sequence[Tier]) -> str:
    """Whatever is published changes one of these sums, which go round at 2^64; merges do at times: taken for news."""
    sums = (f"(SELECT sum(version) FROM edge_{one.name}s WHERE {_within(one.name)}) AS {one.name}" for one in tiers)
    return f"SELECT\n    {_LINES.join(sums)}"


_LINES = ",\n    "
# Of minutes, the stamps that an hour of them has now.
_NOW = f"""(SELECT (sum(versions), mapFromArrays(groupArray(start), groupArray(stamp))) FROM (
        SELECT intDiv(toUnixTimestamp(minute), 3600) * 3600 AS start, sum(latest) AS stamp, sum(all) AS versions FROM (
            SELECT minute, max(version) AS latest, sum(version) AS all FROM edge_minutes
            WHERE {_within("minute")}
            GROUP BY minute)
        GROUP BY start)) AS minute"""


def _stamps_sql(tier: Tier) -> str:
    return f"""(SELECT (sum(versions), mapFromArrays(groupArray(start), groupArray(stamp))) FROM (
        SELECT toUnixTimestamp({tier.name}) AS start, max(e.stamp) AS stamp, sum(version) AS versions
        FROM edge_{tier.name}s AS e
        WHERE {_within(tier.name)}
        GROUP BY start)) AS {tier.name}"""


def state_sql(tiers: Sequence[Tier]) -> str:
    """One row. settled: unix seconds before which minutes are rolled up. stepped: when the last step took note of what
    had arrived, unix milliseconds. unsettled: whether there is anything to match in the minutes that are not rolled up
    yet. And for each of `tiers`, the finest first, the sum of its versions, and its stamps by unix seconds."""
    stamps = [_NOW if tier is MINUTES else _stamps_sql(tier) for tier in tiers]
    return f"""
WITH (SELECT (argMax(settled, version), max(version)) FROM edge_progress WHERE id = 1) AS progress
SELECT
    toUnixTimestamp(progress.1) AS settled,
    progress.2 AS stepped,
    (SELECT count() FROM (
        SELECT 1 FROM call_halves
        WHERE {_within("minute")} AND minute >= progress.1
        LIMIT 1)) AS unsettled,
    {_LINES.join(stamps)}
"""


@dataclass(frozen=True, slots=True)
class RollupState:
    """The state of a range.

    settled: nanoseconds, minutes before are rolled up. stepped: nanoseconds, what arrived before is in those; None
    where nothing ever was. unsettled: whether spans are waiting to be rolled up. published: changes with whatever is
    published.
    """

    settled: int
    stepped: int | None
    unsettled: bool
    published: Published
    minutes: Stamps
    hours: Stamps
    days: Stamps

    def up_to_date(self, tier: Tier, start: int) -> bool:
        """Whether the unit of a coarser tier that starts there was made of the minutes that count."""
        second = start // SECOND
        if tier is HOURS:
            return self.hours.get(second, 0) >= self.minutes.get(second, 0)
        return self.days.get(second, 0) >= sum(map(self._newest, range(second, second + DAY // SECOND, HOUR // SECOND)))

    def stamp(self, part: Part) -> int:
        """Grows whenever a unit of the part, or a minute of an hour that it begins or ends in, is published anew."""
        stamps, unit = {MINUTES: (self.minutes, HOUR), HOURS: (self.hours, HOUR), DAYS: (self.days, DAY)}[part.tier]
        units = range(part.range.start // unit * unit, part.range.end, unit)
        return sum(stamps.get(start // SECOND, 0) for start in units)

    def _newest(self, hour: int) -> int:
        """The minutes of an hour may be gone, and only the hour left."""
        return max(self.minutes.get(hour, 0), self.hours.get(hour, 0))


async def rollup_state(reader: Reader, effective: TimeRange) -> RollupState:
    """The state of the range now."""
    tiers = _tiers_within(effective)
    (row,) = await reader.rows(state_sql(tiers), seconds_of(effective))
    stamps = {tier: row[tier.name][1] for tier in tiers}
    return RollupState(
        (row["settled"] or 0) * SECOND,
        row["stepped"] * 1_000_000 or None,
        row["unsettled"] > 0,
        tuple(row[tier.name][0] for tier in tiers),
        *(stamps.get(tier, {}) for tier in TIERS),
    )


async def published_now(reader: Reader, effective: TimeRange) -> Published:
    """`RollupState.published` as it is now."""
    tiers = _tiers_within(effective)
    (row,) = await reader.rows(published_sql(tiers), seconds_of(effective))
    return tuple(row[tier.name] for tier in tiers)


def _tiers_within(effective: TimeRange) -> list[Tier]:
    """Those that have a whole unit in the range: the engine takes some milliseconds to read of each."""
    return [tier for tier in TIERS if -(-effective.start // tier.unit) < effective.end // tier.unit]


def seconds_of(effective: TimeRange) -> dict[str, int]:
    """The range as {since} and {until}."""
    return {"since": effective.start // SECOND, "until": effective.end // SECOND}
