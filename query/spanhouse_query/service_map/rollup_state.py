"""What the rollup has published of a range: how far it has come, and which of its units are up to date.

The stamp of a unit is the sum of the versions of the minutes that it was made of (docs/adr/0008).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from spanhouse_query.config import DAY, HOUR, SECOND
from spanhouse_query.reader import Reader
from spanhouse_query.tiers import DAYS, HOURS, Tier
from spanhouse_query.time_range import TimeRange

Stamps = Mapping[int, int]
# The sums of the versions of minutes, hours and days.
Published = tuple[int, ...]
_TIERS = ("minutes", "hours", "days")


def _within(column: str) -> str:
    return (
        f"tenant = {{tenant:String}} AND {column} >= toDateTime({{since:Int64}}, 'UTC')"
        f" AND {column} < toDateTime({{until:Int64}}, 'UTC')"
    )


# Whatever is published changes one of these sums, which go round at 2^64; merges do at times, which is taken for news.
PUBLISHED_SQL = f"""
SELECT
    (SELECT sum(version) FROM edge_minutes WHERE {_within("minute")}) AS minutes,
    (SELECT sum(version) FROM edge_hours WHERE {_within("hour")}) AS hours,
    (SELECT sum(version) FROM edge_days WHERE {_within("day")}) AS days
"""


def _stamps_sql(tier: Tier) -> str:
    """The sum of the versions of a tier, and its stamps by unix seconds."""
    return f"""(SELECT (sum(versions), mapFromArrays(groupArray(start), groupArray(stamp))) FROM (
        SELECT toUnixTimestamp({tier.name}) AS start, max(e.stamp) AS stamp, sum(version) AS versions
        FROM edge_{tier.name}s AS e
        WHERE {_within(tier.name)}
        GROUP BY start))"""


# settled: unix seconds before which minutes are rolled up. stepped: when the last step took note of what had arrived,
# unix milliseconds. unsettled: whether there is anything to match in the minutes that are not rolled up yet. Of each
# tier: the sum of its versions, and stamps by unix seconds; of minutes those that an hour of them has now.
STATE_SQL = f"""
WITH (SELECT (argMax(settled, version), max(version)) FROM edge_progress WHERE id = 1) AS progress
SELECT
    toUnixTimestamp(progress.1) AS settled,
    progress.2 AS stepped,
    (SELECT count() FROM (
        SELECT 1 FROM call_halves
        WHERE {_within("minute")} AND minute >= progress.1
        LIMIT 1)) AS unsettled,
    (SELECT (sum(versions), mapFromArrays(groupArray(start), groupArray(stamp))) FROM (
        SELECT intDiv(toUnixTimestamp(minute), 3600) * 3600 AS start, sum(latest) AS stamp, sum(all) AS versions FROM (
            SELECT minute, max(version) AS latest, sum(version) AS all FROM edge_minutes
            WHERE {_within("minute")}
            GROUP BY minute)
        GROUP BY start)) AS minutes,
    {_stamps_sql(HOURS)} AS hours,
    {_stamps_sql(DAYS)} AS days
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

    def _newest(self, hour: int) -> int:
        """The minutes of an hour may be gone, and only the hour left."""
        return max(self.minutes.get(hour, 0), self.hours.get(hour, 0))


async def rollup_state(reader: Reader, effective: TimeRange) -> RollupState:
    """The state of the range now."""
    (row,) = await reader.rows(STATE_SQL, seconds_of(effective))
    tiers = [row[name] for name in _TIERS]
    return RollupState(
        (row["settled"] or 0) * SECOND,
        row["stepped"] * 1_000_000 or None,
        row["unsettled"] > 0,
        tuple(versions for versions, _ in tiers),
        *(stamps for _, stamps in tiers),
    )


async def published_now(reader: Reader, effective: TimeRange) -> Published:
    """`RollupState.published` as it is now."""
    (row,) = await reader.rows(PUBLISHED_SQL, seconds_of(effective))
    return tuple(row[name] for name in _TIERS)


def seconds_of(effective: TimeRange) -> dict[str, int]:
    """The range as {since} and {until}."""
    return {"since": effective.start // SECOND, "until": effective.end // SECOND}
