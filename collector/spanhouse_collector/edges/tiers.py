"""Edges by hour and by day, made of those by minute once these are settled (docs/adr/0008).

An hour is due where the minutes that it has now are newer than those that it was made of; what is due is found in the
store each time, so nothing is kept here. An hour carries as its stamp the sum of its minutes' versions, which any newer
minute makes greater, and a day the sum of its hours' stamps: readers see whether either is up to date.
"""

# ruff: noqa: S608 - what is put into statements here are names of this module; values are bound

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from spanhouse_storage import QueryLimits, QueryTooLarge, Store

from spanhouse_collector.edges.windows import Unit, Window, windows

# A second attempt has a version of its own: what one that failed has written is never published.
_VERSIONS_A_STEP = 1000
HOUR = 3600
DAY = 24 * HOUR


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tier:
    """A rollup. seconds: how long a unit of it is, which starts at `column`.

    edges, versions: its tables. counting: the version of a unit that counts. stamp: a unit's stamp. first, last: the
    earliest and the latest minute with a call, of a row `e` of its edges.
    """

    seconds: int
    column: str
    edges: str
    versions: str
    counting: str = "argMax(version, (stamp, version))"
    stamp: str = "v.stamp"
    first: str = "e.first"
    last: str = "e.last"


_ONE_MINUTE = "(toUnixTimestamp(e.minute), e.typical.2)"
_MINUTES = _Tier(
    seconds=60,
    column="minute",
    edges="service_edges_1m",
    versions="edge_minutes",
    counting="max(version)",
    stamp="v.version",
    first=_ONE_MINUTE,
    last=_ONE_MINUTE,
)
_HOURS = _Tier(seconds=HOUR, column="hour", edges="service_edges_1h", versions="edge_hours")
_DAYS = _Tier(seconds=DAY, column="day", edges="service_edges_1d", versions="edge_days")
# What is made, of what, and how many seconds one statement may take.
_STEPS = ((_HOURS, _MINUTES, 6 * HOUR), (_DAYS, _HOURS, 7 * DAY))
_ENDS = "client, client_type, server, server_type, connection"
# The trace in the middle of those that are typical of the finer units.
_TYPICAL = "arraySort(groupArrayIf(e.typical, e.stored > 0))[intDiv(countIf(e.stored > 0) + 1, 2)]"


class EdgeTiers:
    """Hours and days of the service map; limits: of each statement."""

    def __init__(self, store: Store, limits: QueryLimits) -> None:
        self._store = store
        self._limits = limits

    async def step(self, version: int, *, settled: int, since: int) -> int:
        """Make the hours, then the days, that are due; how many.

        version: of what is made, greater than any before. settled: unix seconds up to which minutes are rolled up.
        since: unix seconds, the start of a day, from which on minutes may have changed.
        """
        return sum([await self._make(made, of, longest, version, settled, since) for made, of, longest in _STEPS])

    async def sweep(self, version: int) -> None:
        """Delete what was superseded before `version`."""
        for made, _, _ in _STEPS:
            await self._execute(_sweep_sql(made), version=version)
            await self._execute(_sweep_versions_sql(made), version=version)

    async def _make(self, made: _Tier, of: _Tier, longest: int, version: int, settled: int, since: int) -> int:
        bounds = {"settled": settled, "since": since}
        due = (await self._store.queries.rows(_due_sql(made, of), bounds, limits=self._limits)).rows
        stamps = {(row["tenant"], row["start"]): row["stamp"] for row in due}
        for window in windows(stamps, made.seconds, longest):
            await self._make_window(made, of, window, version, stamps)
        return len(stamps)

    async def _make_window(
        self, made: _Tier, of: _Tier, window: Window, version: int, stamps: Mapping[Unit, int]
    ) -> None:
        """As one, or where that takes too much memory unit by unit."""
        units = {"tenant": window.tenant, "starts": window.starts, "version": version}
        try:
            await self._execute(_compute_sql(made, of), **units, since=window.since, until=window.until)
        except QueryTooLarge:
            if len(window.starts) == 1:
                raise
            for start in window.starts:
                alone = Window(window.tenant, [start], start + made.seconds)
                await self._make_window(made, of, alone, version + _VERSIONS_A_STEP, stamps)
            return
        newest = [stamps[window.tenant, start] for start in window.starts]
        await self._execute(_publish_sql(made), **units, stamps=newest)

    async def _execute(self, sql: str, **parameters: Any) -> None:
        await self._store.queries.execute(sql, parameters, limits=self._limits)


def _due_sql(made: _Tier, of: _Tier) -> str:
    """Tenant, start (unix seconds) and stamp of the units that are to be made, in order."""
    return f"""
SELECT now.tenant::String AS tenant, now.start AS start, now.stamp AS stamp
FROM
(
    SELECT tenant, intDiv(at, {made.seconds}) * {made.seconds} AS start, sum(one.stamp) AS stamp
    FROM ({_stamps_sql(of, "at")}) AS one
    GROUP BY tenant, start
) AS now
LEFT JOIN ({_stamps_sql(made, "start")}) AS then ON now.tenant = then.tenant AND now.start = then.start
WHERE now.start + {made.seconds} <= {{settled:Int64}} AND now.stamp > then.stamp
ORDER BY tenant, start
"""


def _stamps_sql(tier: _Tier, start: str) -> str:
    return f"""
    SELECT tenant, toUnixTimestamp({tier.column}) AS {start}, max({tier.stamp}) AS stamp
    FROM {tier.versions} AS v
    WHERE {tier.column} >= toDateTime({{since:Int64}}, 'UTC')
    GROUP BY tenant, {start}"""


def _compute_sql(made: _Tier, of: _Tier) -> str:
    """Makes the units of a tenant that begin at `starts`, all of them in [since, until)."""
    start = f"intDiv(toUnixTimestamp({of.column}), {made.seconds}) * {made.seconds}"
    within = (
        f"tenant = {{tenant:String}} AND {of.column} >= toDateTime({{since:Int64}}, 'UTC')"
        f" AND {of.column} < toDateTime({{until:Int64}}, 'UTC') AND {start} IN {{starts:Array(Int64)}}"
    )
    return f"""
INSERT INTO {made.edges}
    (tenant, version, {made.column}, {_ENDS}, stored, calls, errors, retries, client_ns, server_ns, gap_ns,
    slowest, failed, typical, first, last, named, found)
SELECT
    {{tenant:String}}, {{version:UInt64}}, toDateTime({start}, 'UTC') AS unit, {_ENDS},
    sum(e.stored), sum(e.calls), sum(e.errors), sum(e.retries),
    {_merged("client")}, {_merged("server")}, {_merged("gap")},
    max(e.slowest), max(e.failed), {_TYPICAL},
    minIf({of.first}, e.stored > 0), maxIf({of.last}, e.stored > 0),
    sum(e.named), sum(e.found)
FROM {of.edges} AS e
WHERE {within} AND ({of.column}, version) IN (
    SELECT {of.column}, {of.counting} FROM {of.versions} WHERE {within} GROUP BY {of.column})
GROUP BY unit, {_ENDS}
"""


def _merged(view: str) -> str:
    sketch = f"e.{view}_ns"
    return (
        f"(sum({sketch}.n), minIf({sketch}.min, {sketch}.n > 0), max({sketch}.max), sumMap({sketch}.buckets))"
        "::Tuple(n UInt64, min UInt64, max UInt64, buckets Map(Int16, Float64))"
    )


def _publish_sql(made: _Tier) -> str:
    """Makes readers use what was computed."""
    return f"""
INSERT INTO {made.versions} (tenant, {made.column}, stamp, version)
SELECT {{tenant:String}}, toDateTime(one.1, 'UTC'), one.2, {{version:UInt64}}
FROM (SELECT arrayJoin(arrayZip({{starts:Array(Int64)}}, {{stamps:Array(UInt64)}})) AS one)
"""


def _sweep_sql(made: _Tier) -> str:
    """Deletes what no longer counts."""
    return f"""
DELETE FROM {made.edges}
WHERE version < {{version:UInt64}} AND (tenant, {made.column}, version) NOT IN (
    SELECT tenant, {made.column}, {made.counting} FROM {made.versions} GROUP BY tenant, {made.column})
"""


def _sweep_versions_sql(made: _Tier) -> str:
    return f"""
DELETE FROM {made.versions}
WHERE version < {{version:UInt64}} AND (tenant, {made.column}, version) NOT IN (
    SELECT tenant, {made.column}, {made.counting} FROM {made.versions} GROUP BY tenant, {made.column})
"""
